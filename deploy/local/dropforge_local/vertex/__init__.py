"""A local Vertex AI: text-embedding tuning pipelines that really tune, models, endpoints and predictions over REST.

It answers the requests of Google's own clients (`transport="rest"`) and of the published curl commands. What it runs is a
stand-in, and a finished job's metadata says so:

- Every base model is one bundled model, `wordllama`, whose vectors have 256 dimensions: a job or a request that asks for more
  (Vertex's models have up to 768) is accepted and gets 256; one that asks for fewer gets them, cut and scaled to unit length.
- Tuning learns one linear map for queries and documents. The task types in which texts of both sides are alike
  (SEMANTIC_SIMILARITY, CLASSIFICATION, CLUSTERING) train it both ways; in predictions the task type changes no vector.
- Machines, accelerators, networks, keys and service accounts are kept and answered, and do nothing.
- A pipeline other than the tuning template is refused.

What it does as the service does, to people's surprise:

- A step's cache key is its parameters, and those are paths, not contents. A job with the template and all
  resolved parameters of an earlier one in its project and location (the output directory is not one of them) is
  answered with that job's model and figures, its tasks SKIPPED, whatever lies at the paths by now. The service
  caches each step, this server whole jobs that succeeded, until the earlier job or its model is deleted. There is no
  switch: `PipelineJob` has no field for one, since the service has it in a pipeline's specification, which a job from
  the template leaves empty.
- With `--job-events TOPIC` every job's end is published as a log sink does it (`job_events`): the fast way to hear of it.

What is to happen to jobs, operations and predictions can be asked for as faults are (`dropforge_local.faults`), and is
kept on disk like everything else here.
"""
