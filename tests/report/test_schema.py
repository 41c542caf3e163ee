"""The published JSON Schema is that of the models."""

from __future__ import annotations

import json

from gpusynth.report import json_schema, published_schema


def test_schema_is_current():
    """After a change of the models write `json_schema()` to the file named in `SCHEMA_FILE`."""
    assert json.loads(published_schema()) == json.loads(json_schema())


def test_schema_describes_the_results(wide):
    """Every key of a result is a property that the schema knows, and required ones are there."""
    schema = json.loads(published_schema())
    definitions = schema["$defs"]

    def check(value, described, place):
        if "$ref" in described:
            described = definitions[described["$ref"].rsplit("/", 1)[1]]
        options = [one for one in described.get("anyOf", ()) if one.get("type") != "null"]
        if options:
            if value is not None:
                check(value, options[0], place)
            return
        if described.get("type") == "object" and "properties" in described:
            assert set(value) <= set(described["properties"]), place
            assert set(described.get("required", ())) <= set(value), place
            for name, part in value.items():
                check(part, described["properties"][name], f"{place}.{name}")
        elif described.get("type") == "array" and "items" in described:
            assert isinstance(value, list), place
            for number, part in enumerate(value[:5]):
                check(part, described["items"], f"{place}[{number}]")

    check(wide.model_dump(mode="json"), schema, "evaluation")
    assert schema["properties"]["version"]["const"] == 1
