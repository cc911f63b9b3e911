"""A local Vertex AI: text-embedding tuning pipelines that really tune, models, endpoints and predictions over REST.

It answers the requests of Google's own clients (`transport="rest"`) and of the published curl commands. What it runs is a
stand-in, and a finished job's metadata says so:

- Every base model is one bundled model, `wordllama`, whose vectors have 256 dimensions: a job or a request that asks for more
  (Vertex's models have up to 768) is accepted and gets 256; one that asks for fewer gets them, cut and scaled to unit length.
- Tuning learns one linear map for queries and documents. The task types in which texts of both sides are alike
  (SEMANTIC_SIMILARITY, CLASSIFICATION, CLUSTERING) train it both ways; in predictions the task type changes no vector.
- Machines, accelerators, networks, keys and service accounts are kept and answered, and do nothing.
- A step is never answered from a cache; a pipeline other than the tuning template is refused.
"""
