"""What the server does by itself and can be asked to do otherwise; `dropforge_local.faults` describes the forms."""

from dropforge_local.faults.instructions import Form
from dropforge_local.vertex.tuning.protocol import TASKS

TASK = "task."
CANCELLATION = "cancellation"
OPERATION = "operation."
PREDICTION = "prediction"

EFFECTS = (
    "endpoints.create",
    "endpoints.deployModel",
    "endpoints.undeployModel",
    "endpoints.delete",
    "models.delete",
    "pipelineJobs.delete",
)
"""What long-running operations do."""

HAPPENINGS = {
    **dict.fromkeys([TASK + task for task in TASKS], frozenset({Form.FAIL, Form.PAUSE, Form.PAUSE_FOR})),
    **dict.fromkeys([OPERATION + effect for effect in EFFECTS], frozenset({Form.FAIL, Form.DELAY})),
    CANCELLATION: frozenset({Form.DELAY}),
    PREDICTION: frozenset({Form.SAME_VECTORS}),
}
"""What can be asked of each."""
