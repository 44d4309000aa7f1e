"""Reads a Sentry event from standard input and prints what is wrong with it, a line each.

Two judges who do not know each other: the official JSON schema, which comes with Bugsink, and the
normaliser of Sentry's Relay, which says what it would throw away. Runs with the Python of `.venv-e2e`.
Status: 0 clean, 1 not.
"""

import copy
import json
import pathlib
import sys

import bugsink
import jsonschema
from sentry_relay.processing import StoreNormalizer


def by_schema(event):
    path = pathlib.Path(bugsink.__file__).parent.parent / "api" / "event.schema.json"
    validator = jsonschema.Draft7Validator(json.loads(path.read_text()))
    for error in validator.iter_errors(event):
        # The schema offers alternatives at its top; the best match is what was meant.
        best = jsonschema.exceptions.best_match([error])
        yield f"schema: {best.json_path}: {best.message[:300]}"


def by_relay(event):
    normalizer = StoreNormalizer(
        project_id=1, client_ip=None, client="tamis", key_id="1", protocol_version="7",
        is_renormalize=False, remove_other=False, normalize_user_agent=True, sent_at=None, received_at=None,
    )
    normalized = normalizer.normalize_event(copy.deepcopy(event))
    for error in normalized.get("errors") or []:
        yield f"relay: {error}"
    yield from remarks(normalized.get("_meta"), "")


def remarks(meta, path):
    for key, value in (meta or {}).items():
        if key == "":
            for error in value.get("err") or []:
                yield f"relay: {path}: {error}"
        elif isinstance(value, dict):
            yield from remarks(value, f"{path}.{key}")


complaints = [*by_schema(event := json.load(sys.stdin)), *by_relay(event)]
print("\n".join(complaints), end="\n" if complaints else "")
sys.exit(1 if complaints else 0)
