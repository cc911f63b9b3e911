"""A Cloud Run function that orders a reindexing for each model that is deployed, once for each event.

    gcloud functions deploy reindex --gen2 --runtime python312 --region REGION --source . --entry-point reindex \
      --trigger-topic model-deployed --retry --set-env-vars ORDERS_BUCKET=BUCKET

Pub/Sub delivers at least once, and in any order. The order is an object named for the event's id and written only if there
is none (`ifGenerationMatch=0`): doing it and noting that it was done are one act, so that no second delivery, be it at
the same moment, orders it again. Whoever carries out the orders lists the bucket.
"""

import base64
import json
import os
from functools import cache
from urllib.parse import quote

import functions_framework
from cloudevents.http import CloudEvent
from google.api_core.exceptions import PreconditionFailed
from google.cloud import storage

DEPLOYED, MOVED = "dropforge.model.deployed.v1", "dropforge.alias.moved.v1"


@cache
def orders() -> storage.Bucket:
    """Where orders are placed."""
    return storage.Client().bucket(os.environ["ORDERS_BUCKET"])


@functions_framework.cloud_event
def reindex(event: CloudEvent) -> None:
    """Order a reindexing. What raises is delivered again, with `--retry`."""
    message = event.data["message"]
    attributes = message["attributes"]
    if attributes.get("ce-type") not in {DEPLOYED, MOVED}:
        return  # a later release may send other types to this topic
    data = json.loads(base64.b64decode(message["data"]))
    if not data.get("current", True):
        return  # a newer drop's model is there already: nobody is to switch to this one
    order = {
        "dataset": data["dataset"],
        "space_id": data["space_id"],
        "endpoint": data["endpoint"],
        "dimensions": data["dimensions"],
        "embeddings": data.get("embeddings", ""),  # the corpus, embedded, where it was asked for
        "wanted_at": attributes["ce-time"],  # the latest wins: carry out the newest order of a dataset, drop the others
    }
    name = f"orders/{quote(attributes['ce-id'], safe='')}.json"
    try:
        orders().blob(name).upload_from_string(json.dumps(order), "application/json", if_generation_match=0)
    except PreconditionFailed:
        print(f"{attributes['ce-id']} was ordered before")
        return
    print(f"{attributes['ce-id']}: ordered {data['space_id']}")
