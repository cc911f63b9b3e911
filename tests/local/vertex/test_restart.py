"""A local Vertex AI that is killed and started again on the same folder."""

import psutil
from google.cloud.aiplatform_v1 import Endpoint, PipelineState
from support.servers import eventually, running
from support.vertex import LOCATION, Clients, result_of, storage_server, upload_dataset, vertex_server


def test_a_job_survives_its_server(tmp_path):
    """Given a server killed in the middle of a tuning, expect that the next one ends the job, with one model."""
    with running(storage_server(tmp_path / "storage")) as storage:
        upload_dataset(storage.url)
        with running(vertex_server(tmp_path / "vertex", storage.url)) as server:
            clients = Clients.of(server.url)
            job = clients.submit("survivor", parameters={"train_steps": 300})
            waiting = clients.submit("waiting")
            eventually(lambda: clients.jobs.get_pipeline_job(name=job.name).job_detail.task_details, seconds=30)
            tuners = psutil.Process(server.process.pid).children()
            server.kill()
            assert len(tuners) == 1
            psutil.wait_procs(tuners, timeout=5)
            assert not tuners[0].is_running()

            server.start()
            for name in (job.name, waiting.name):
                assert clients.finish(name).state == PipelineState.PIPELINE_STATE_SUCCEEDED
            models = [model.pipeline_job for model in clients.models.list_models(parent=LOCATION)]
            assert sorted(models) == sorted([job.name, waiting.name])


def test_an_operation_that_was_begun_is_finished_after_a_restart(tmp_path):
    with running(vertex_server(tmp_path / "vertex", "http://127.0.0.1:1")) as server:
        clients = Clients.of(server.url)
        operation = clients.endpoints.create_endpoint(parent=LOCATION, endpoint=Endpoint(display_name="kept"))
        server.restart()
        assert result_of(operation).display_name == "kept"


def test_a_tuner_that_dies_fails_its_job(tmp_path):
    with running(storage_server(tmp_path / "storage")) as storage:
        upload_dataset(storage.url)
        with running(vertex_server(tmp_path / "vertex", storage.url)) as server:
            clients = Clients.of(server.url)
            job = clients.submit("unlucky", parameters={"train_steps": 20000, "learning_rate_multiplier": 0.001})
            eventually(lambda: clients.jobs.get_pipeline_job(name=job.name).job_detail.task_details, seconds=30)
            psutil.Process(server.process.pid).children()[0].kill()
            ended = clients.finish(job.name)
    assert ended.state == PipelineState.PIPELINE_STATE_FAILED
    errors = [detail.error for detail in ended.job_detail.task_details if detail.error.code]
    assert [error.code for error in errors] == [13]
    assert "status -9" in errors[0].message
