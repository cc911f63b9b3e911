"""What must be true of every plan: one rule each, which yields a complaint for everything that breaks it.

A rule's name is its sentence. `test_planted.py` breaks each of them in a copy of the module.
"""

from collections.abc import Callable

from terraform.deployment import Plan
from terraform.policies import delivery, keeping, operation, rights, topology
from terraform.policies.reading import Complaints

Rule = Callable[[Plan], Complaints]

RULES: tuple[Rule, ...] = (
    delivery.every_trigger_tries_again_and_backs_off,
    delivery.what_is_given_up_goes_to_a_topic_that_keeps_it,
    delivery.pubsub_may_move_what_it_gives_up,
    delivery.no_subscription_ever_expires,
    delivery.events_are_kept_for_a_week_and_ticks_are_not,
    delivery.every_call_carries_a_token_that_the_function_admits,
    topology.topics_are_those_of_the_topology,
    topology.functions_are_those_of_the_topology,
    topology.the_validator_checks_one_folder_at_a_time,
    topology.schedules_are_those_of_the_topology,
    topology.ends_of_jobs_and_nothing_else_are_let_through,
    rights.nobody_is_everybody,
    rights.no_role_is_broad,
    rights.each_function_runs_as_an_account_of_its_own,
    rights.only_who_moves_runs_on_publishes,
    rights.only_who_places_jobs_acts_as_the_runner,
    rights.only_functions_jobs_and_operators_touch_the_state,
    rights.functions_only_read_what_people_drop,
    rights.secrets_stay_out_of_the_plan,
    keeping.buckets_are_closed,
    keeping.what_people_and_runs_left_is_never_deleted_with_its_bucket,
    keeping.the_ledger_is_for_good,
    keeping.archives_are_named_by_what_is_in_them,
    keeping.what_takes_a_key_has_it,
    keeping.what_takes_labels_is_labelled,
    operation.functions_are_called_from_inside_only,
    operation.every_service_that_is_used_is_on,
    operation.what_goes_wrong_is_told,
)
