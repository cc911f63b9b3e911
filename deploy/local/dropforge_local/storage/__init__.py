"""A local Cloud Storage: the JSON API over SQLite and files, with finalize notifications as Eventarc delivers them.

What is kept: names, generations, preconditions, checksums, versioning, listing order, resumable uploads, notifications.
What is not: access control, retention, holds, soft delete, encryption keys, lifecycle, the XML API.
"""
