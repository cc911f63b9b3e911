"""Faults on request: every local server fails as it is told over HTTP, and counts how often it did.

The interface is that of Google's storage-testbench (https://github.com/googleapis/storage-testbench, "Retry Test API"),
so that what drives one drives the other:

    POST   /retry_test      {"instructions": {"storage.objects.insert": ["return-503", "return-reset-connection"]}}
                            -> {"id": ID, "instructions": {...}, "completed": false, "fired": {...}, "left": {...}}
    GET    /retry_test/ID   the test as it stands now
    GET    /retry_tests     {"retry_test": [...]}, all of them
    DELETE /retry_test/ID   nothing fires any more

A request takes part by the header `x-retry-test-id: ID` (in gRPC: the metadata of that name). Each instruction of a
method's list is used up by one request that it fits, in order; `instructions` are those that are left, and `completed`
says that none is. Pub/Sub answers this on its REST port, for both its faces. What makes no sense is refused with 400 and
a sentence that says what would. Faults end with the process: nothing is kept on disk. Only Vertex AI keeps them, with what
has fired, until they are deleted.

What can be asked for (`instructions.Form`), and where (`instructions`, below the forms):

    return-NNN                  answered NNN (400-599), not carried out
    return-NNN-after-NK         an upload: answered NNN after N KiB of the object; a resumable one keeps what has arrived
    return-reset-connection     the connection is reset, the request not carried out; in gRPC: UNAVAILABLE
    return-broken-stream        carried out, but the answer ends after 4 bytes of its body, and always before its end
    return-broken-stream-after-NK               ... after N KiB
    return-broken-stream-final-chunk-after-NB   the last chunk of a resumable upload: hung up on after N bytes of it
    stall-for-Ns-after-NK       carried out, with N seconds of silence after N KiB of the request and its answer

Ours, unknown to the testbench:

    return-NNN-after-commit                 carried out in full, its effect stays, then answered NNN
    return-reset-connection-after-commit    the same, but the answer is lost; in gRPC: UNAVAILABLE
    return-NNN-retry-after-Ns               answered NNN with `Retry-After: N`, not carried out
    delay-for-Ns                            carried out N seconds later
    duplicate                               carried out twice; the client gets the second answer
    drop                                    a delivery or a tick: counted as made, and never made

Vertex AI's own. CODE is a canonical code (INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED, ...):

    return-CODE     a request is answered with the code and the HTTP status that Vertex AI pairs with it, not carried out
    fail-CODE       a task ends with this error as soon as it has begun, an operation when its time is over
    pause           a job is PAUSED when its task begins, until POST /_local/JOB:resume (JOB: projects/.../pipelineJobs/ID)
    pause-for-Ns    the same, for N seconds
    same-vectors    a prediction gives every text the same vector

    "return-503 x20"    an instruction with a count; "return-503 x*" fires until the test is deleted
    "fail-INTERNAL x2: It broke."   a CODE may bring a message, behind the count

    "everyone": true            requests without the header take part, too: a function's client cannot send it
    "only": "conditional"       only requests that carry a precondition, such as ifGenerationMatch (storage)
    "once_per": "invocation"    once for each call of a client, however often the client repeats it: recognised by
                                `x-goog-gcs-idempotency-token`, else by `gccl-invocation-id/...` in `x-goog-api-client`.
                                Thus "lose the answer of every conditional write" leaves a client a second try. A request
                                that says neither counts as a call of its own.
    "of": "topics-*"            only what is about a job, an endpoint, ... whose id fits, with * and ? (Vertex AI)

What a server delivers by itself has no sender who could set a header, so every test that names it applies:

    push            a Pub/Sub push          drop: acknowledged unsent; duplicate: sent twice; return-NNN: as if the function
    notification    a finalize event        had answered it, unsent; return-NNN-after-commit: sent, the answer replaced;
                                            return-reset-connection: sent, its answer lost, so it is delivered again
    tick            of a schedule           drop, duplicate, delay-for-Ns
    task.NAME       of a pipeline job       fail-CODE, pause, pause-for-Ns; NAME is importer, text-embedding-trainer,
                                            text-embedding-evaluator or text-embedding-model-uploader. A task that is
                                            answered from the cache does not begin.
    cancellation    of a pipeline job       delay-for-Ns: CANCELLING for N seconds
    operation.WHAT  long-running            fail-CODE, delay-for-Ns: takes N seconds; WHAT is endpoints.create,
                                            .deployModel, .undeployModel, .delete, models.delete or pipelineJobs.delete
    prediction      of an endpoint's model  same-vectors

The methods are named as the services name them, and a wrong name is answered with the right ones:

    storage     storage.objects.insert, .get, .list, .delete, .patch, .update, .rewrite, .copy, .compose, .move;
                storage.buckets.insert, .get, .list, .delete, .patch, .update, .getStorageLayout; notification
    Pub/Sub     Publish, Pull, Acknowledge, CreateTopic, ...; push; StreamingPull, which can be refused (return-NNN,
                return-reset-connection), be late, or end after its first messages (return-broken-stream)
    Vertex AI   aiplatform.pipelineJobs.create, .get, .list; aiplatform.endpoints.create, .deployModel, .predict, ...;
                aiplatform.operations.get, ...
    Slack       slack.post
    scheduler   tick

A gRPC call gets the code that Google's APIs pair with the HTTP status: 503 UNAVAILABLE, 429 RESOURCE_EXHAUSTED, ...
(`refusals.canonical`). Calls inside a storage batch request take no part.
"""
