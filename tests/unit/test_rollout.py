"""A model comes to its readers only when it has been measured; what fails on the way leaves nothing that bills."""

import json
from dataclasses import replace

import pytest
from support.data import dataset
from support.world import ENVIRONMENT, GOOD, World

from dropforge.actions.cancel import cancel
from dropforge.adapters.memory import embedded
from dropforge.domain import events
from dropforge.domain.errors import Missing, Refused, Unavailable
from dropforge.domain.facts import Fault, Request, Verdict
from dropforge.domain.gate import GateRules
from dropforge.domain.runs import State
from dropforge.settings import load
from dropforge.wire import JobEnded
from dropforge.workers.watch import watch

CORPUS = {f"d{number}" for number in range(20)}


def world_with(**operator):
    settings = load(ENVIRONMENT)
    return World(replace(settings, operator=replace(settings.operator, **operator)))


@pytest.fixture
def world():
    return World()


def tuned(world, metrics=GOOD, **tuning):
    """A run whose job is done."""
    written = "".join(f"{key}: {value}\n" for key, value in tuning.items())
    world.land(world.put("topics", dataset() | ({"tuning.yaml": written.encode()} if written else {})))
    world.react()
    world.finish_jobs(metrics=metrics)


def watched(world, times=5):
    for _ in range(times):
        world.watch()
    return world.only_run()


class TestMeasuring:
    def test_the_served_model_and_its_base_are_asked_and_not_the_averages(self, world):
        tuned(world, metrics={"base_ndcg_at_10": 0.6, "tuned_ndcg_at_10": 0.6})
        judged = watched(world).judgement
        assert (judged.measured, judged.verdict, judged.queries, judged.documents) == (True, Verdict.BETTER, 40, 20)
        assert judged.figures["tuned"]["nDCG@10"] == judged.tuned == 1.0
        assert judged.base < 0.5
        [told] = world.published(events.ModelDeployed)
        assert told.judgement == judged

    def test_a_model_that_only_knows_what_it_was_trained_on_is_withheld_before_anybody_uses_it(self, world):
        tuned(world)
        world.host.overfits = True
        world.host.embed_by_base = lambda base, texts, task, dimensions: vectors(texts, knows=None)
        run = watched(world, 8)
        assert (run.state, run.judgement.verdict) == (State.WITHHELD, Verdict.WORSE)
        assert world.aliases.of("topics") is None
        assert list(world.host.endpoints()) == []
        [told] = world.published(events.ModelWithheld)
        assert told.judgement.because.startswith("nDCG@10 fell by")

    def test_it_is_held_against_what_readers_use_now(self, world):
        world.deploy("topics", dataset())
        first = world.only_run()
        world.clock.advance(60)
        embed = world.host.embed
        world.host.embed = lambda endpoint, texts, task: (
            embed(endpoint, texts, task) if endpoint == first.serving.endpoint else vectors(texts, knows=40)
        )
        world.deploy("topics", dataset(queries=90))
        for _ in range(4):
            world.watch()
        [second] = [world.ledger.load(summary.id) for summary in world.ledger.summaries() if summary.id != first.id]
        against = {each.against: each.verdict for each in second.judgement.comparisons}
        assert against["deployed"] is Verdict.WORSE
        assert second.state is State.WITHHELD
        assert world.aliases.of("topics").run == first.id

    def test_queries_that_were_trained_on_are_left_out(self, world):
        leaking = dataset()
        leaking["training_label.tsv"] += b"q40\td0\t1\nq41\td1\t1\n"
        world.land(world.put("topics", leaking))
        world.react()
        world.finish_jobs()
        judged = watched(world).judgement
        assert (judged.measured, judged.queries) == (True, 38)

    def test_too_few_held_out_queries_are_not_asked_and_the_policy_decides(self, world):
        world.land(world.put("topics", dataset(queries=50)))
        world.react()
        world.finish_jobs()
        run = watched(world)
        assert (run.state, run.judgement.verdict, run.judgement.measured) == (State.DEPLOYED, "insufficient", False)

    def test_what_cannot_be_told_is_not_paid_for_where_only_better_ones_are_wanted(self, world):
        world.land(world.put("topics", dataset(queries=50) | {"tuning.yaml": b"deploy: only_if_better\n"}))
        world.react()
        world.finish_jobs()
        assert watched(world).state is State.WITHHELD
        assert world.host.deployments == 0

    def test_a_base_that_is_gone_leaves_the_averages_to_decide(self, world):
        tuned(world)
        world.host.embed_by_base = lambda *_: _raise(Refused("the model was retired"))
        run = watched(world)
        assert run.judgement.verdict == "insufficient"
        assert "no other model was measured" in run.judgement.because
        assert run.state is State.DEPLOYED

    def test_a_model_that_will_not_be_measured_is_judged_by_the_averages(self, world):
        tuned(world)
        embed, asked = world.host.embed, []

        def refuses_many(endpoint, texts, task):
            asked.append(len(texts))
            if len(texts) > 10:
                raise Refused("too much text")
            return embed(endpoint, texts, task)

        world.host.embed = refuses_many
        run = watched(world)
        assert (run.state, run.judgement.measured) == (State.DEPLOYED, False)
        assert run.judgement.because.endswith("it could not be measured: too much text")

    def test_a_service_that_does_not_answer_is_asked_again(self, world):
        tuned(world)
        embed = world.host.embed_by_base
        world.host.embed_by_base = lambda *_: _raise(Unavailable("no answer"))
        assert watched(world).state is State.DEPLOYING
        assert world.aliases.of("topics") is None, "nobody uses what was not measured"
        world.host.embed_by_base = embed
        assert watched(world, 1).state is State.DEPLOYED

    def test_no_more_is_asked_than_the_operator_allows(self):
        world = world_with(gate=GateRules(most_queries=30, most_documents=15))
        tuned(world)
        embed, asked = world.host.embed_by_base, []

        def counted(base, texts, task, dimensions):
            asked.append(len(texts))
            return embed(base, texts, task, dimensions)

        world.host.embed_by_base = counted
        judged = watched(world).judgement
        assert (judged.queries, judged.documents) == (asked[0], asked[1])
        assert asked[0] <= 30
        assert asked[1] <= 15

    def test_the_figures_of_every_query_are_kept(self, world):
        tuned(world)
        run = watched(world)
        name = run.judgement.report.removeprefix("gs://state/")
        kept = json.loads(world.state.read(name)[0])
        assert set(kept) == {"tuned", "base"}
        assert len(kept["tuned"]) == 40

    def test_what_readers_use_may_have_been_removed_by_hand(self, world):
        world.deploy("topics", dataset())
        first = world.only_run()
        world.host._endpoints[first.serving.endpoint].deployed.clear()
        world.clock.advance(60)
        world.deploy("topics", dataset(queries=90))
        run = world.ledger.load(world.aliases.of("topics").run)
        assert run.id != first.id
        assert run.judgement.because.endswith("the model that readers use could not be measured")

    def test_a_base_that_does_not_answer_is_waited_for_an_hour(self, world):
        tuned(world)
        world.host.embed_by_base = lambda *_: _raise(Unavailable("no answer"))
        assert watched(world).state is State.DEPLOYING
        world.clock.advance(3601)
        run = watched(world, 2)
        assert (run.state, run.judgement.verdict) == (State.DEPLOYED, "insufficient")

    def test_examples_show_what_changed(self, world):
        tuned(world)
        examples = watched(world).judgement.examples
        assert examples
        assert all(example.after == 1 and example.text.startswith("query") for example in examples)

    def test_always_deploys_and_says_what_it_found(self, world):
        tuned(world, metrics={"base_ndcg_at_10": 0.9, "tuned_ndcg_at_10": 0.1}, deploy="always")
        assert watched(world).state is State.DEPLOYED


class TestLoading:
    def test_what_fails_for_want_of_room_is_begun_again_after_a_while(self, world):
        tuned(world)
        world.host.fails = Fault(code="RESOURCE_EXHAUSTED", message="no A100", step="", blame="system_error")
        run = watched(world, 4)
        assert (run.state, run.serving.tries) == (State.DEPLOYING, 1)
        assert world.host.deployments == 1, "not before its time"
        world.host.fails = None
        world.clock.advance(61)
        assert watched(world, 3).state is State.DEPLOYED
        assert world.host.deployments == 2

    def test_a_look_that_was_held_up_does_not_load_what_was_withheld_and_taken_away(self, world):
        tuned(world)
        world.host.overfits = True
        world.host.embed_by_base = lambda base, texts, task, dimensions: vectors(texts, knows=None)
        for _ in range(2):
            world.watch()
        serves = world.host.serves

        def held_up(*arguments):
            world.host.serves = serves
            while world.only_run().serving.decision != "withhold":
                world.watch()
            world.watch()  # and takes it off the endpoint
            return serves(*arguments)

        world.host.serves = held_up
        assert watched(world, 6).state is State.WITHHELD
        assert world.host.deployments == 1

    def test_but_not_for_ever(self, world):
        tuned(world)
        world.host.fails = Fault(code="UNAVAILABLE", message="no A100", step="", blame="system_error")
        for _ in range(40):
            world.clock.advance(300)
            world.watch()
        run = world.only_run()
        assert (run.state, run.fault.message) == (State.DEPLOY_FAILED, "no A100")
        assert world.host.deployments == 6
        assert list(world.host.endpoints()) == []


class TestEmbeddings:
    def test_the_corpus_comes_embedded_with_the_model(self, world):
        tuned(world, embed_corpus="true")
        run = watched(world)
        [told] = world.published(events.ModelDeployed)
        assert told.embeddings == f"gs://state/runs/{run.id}/embeddings/"
        [part] = list(world.state.list(f"runs/{run.id}/embeddings/"))
        lines = [json.loads(line) for line in world.state.read(part.name)[0].splitlines()]
        assert {line["id"] for line in lines} == CORPUS
        assert {len(line["embedding"]) for line in lines} == {run.serving.dimensions}

    def test_readers_are_not_pointed_there_before_it_is_complete(self, world, monkeypatch):
        monkeypatch.setattr("dropforge.workers.rollout._PART", 8)
        tuned(world, embed_corpus="true")
        embed = world.host.embed

        def slow(endpoint, texts, task):
            if len(texts) == 8:  # a part of the corpus
                world.clock.advance(61)
            return embed(endpoint, texts, task)

        world.host.embed = slow
        parts = []
        for _ in range(12):
            world.watch()
            run = world.only_run()
            parts.append(len(list(world.state.list(f"runs/{run.id}/embeddings/"))))
            assert (world.aliases.of("topics") is not None) is (run.state is State.DEPLOYED)
        assert run.state is State.DEPLOYED
        assert sorted(set(parts)) == [0, 1, 2, 3]

    def held_at_the_corpus(self, world, monkeypatch):
        """A model that has passed, and whose corpus takes its time."""
        monkeypatch.setattr("dropforge.workers.rollout._PART", 8)
        tuned(world, embed_corpus="true")
        embed = world.host.embed

        def slow(endpoint, texts, task):
            if len(texts) == 8:
                world.clock.advance(61)
            return embed(endpoint, texts, task)

        world.host.embed = slow
        run = watched(world, 3)
        assert (run.state, run.serving.passed, run.serving.decision) == (State.DEPLOYING, True, "")
        return run

    def test_a_run_can_be_cancelled_meanwhile(self, world, monkeypatch):
        run = self.held_at_the_corpus(world, monkeypatch)
        wish = Request(by="ann", at=world.clock.now())
        cancel(run.id, wish, tuner=world.tuner, budget=world.budget, progress=world.progress)
        assert watched(world).state is State.WITHHELD
        assert world.aliases.of("topics") is None
        assert list(world.host.endpoints()) == []

    def test_an_endpoint_that_vanishes_meanwhile_is_made_again(self, world, monkeypatch):
        run = self.held_at_the_corpus(world, monkeypatch)
        world.host._endpoints.clear()
        assert watched(world, 8).state is State.DEPLOYED
        assert world.host.serves(run.serving.endpoint, run.serving.deployed_model)

    def test_and_is_given_up_when_there_is_no_room_for_it_any_more(self, world, monkeypatch):
        self.held_at_the_corpus(world, monkeypatch)
        world.host._endpoints.clear()
        world.host.fails = Fault(code="RESOURCE_EXHAUSTED", message="no A100", step="", blame="system_error")
        for _ in range(40):
            world.clock.advance(300)
            world.watch()
        assert world.only_run().state is State.DEPLOY_FAILED
        assert world.host.deployments == 7, "once, and six times more"

    def test_a_corpus_that_cannot_be_embedded_keeps_nobody_from_the_model(self, world):
        tuned(world, embed_corpus="true")
        embed = world.host.embed

        def refuses(endpoint, texts, task):
            if len(texts) == 20 and world.only_run().serving.passed:
                raise Refused("document d7 is empty")
            return embed(endpoint, texts, task)

        world.host.embed = refuses
        run = watched(world)
        assert (run.state, run.serving.embeddings, run.serving.unembedded) == (
            State.DEPLOYED,
            "",
            "document d7 is empty",
        )


def test_a_job_that_has_ended_is_heard_of_at_once(world):
    tuned(world)
    run_id = world.only_run().id
    outcome = world.perform(watch, JobEnded(run_id, "log/1"))
    assert outcome.why == "its job has ended"
    assert world.only_run().state is State.SUCCEEDED
    assert world.perform(watch, JobEnded("another-pipeline", "log/2")).why == "no run of ours waits for it"


def test_what_a_log_says_of_a_job_is_not_believed(world):
    world.land(world.put("topics", dataset()))
    world.react()
    outcome = world.perform(watch, JobEnded(world.only_run().id, "log/1"))
    assert outcome.why == "its job has not ended yet"
    assert world.only_run().state is State.SUBMITTED


def test_an_endpoint_that_vanished_while_it_was_measured_is_made_again(world):
    tuned(world)
    embed, gone = world.host.embed, []

    def vanishes(endpoint, texts, task):
        if len(texts) > 10 and not gone:
            gone.append(endpoint)
            world.host._endpoints.pop(endpoint)
            raise Missing(f"there is no {endpoint}")
        return embed(endpoint, texts, task)

    world.host.embed = vanishes
    assert watched(world, 8).state is State.DEPLOYED
    assert gone


def vectors(texts, *, knows):
    return [embedded(text, knows=knows) for text in texts]


def _raise(error):
    raise error
