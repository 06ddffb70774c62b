"""The invented server speaks as the API's document says, and every catalogue says everything."""

from __future__ import annotations

import json

import pytest

from .conftest import REPOSITORY, Town, create_app

DOCUMENT = json.loads((REPOSITORY / "console" / "openapi.json").read_text(encoding="utf-8"))
# The sign-out has no body.
OWN = {"HTTPValidationError", "ValidationError"}


def test_what_it_sends_has_the_members_of_the_document() -> None:
    schemas = create_app(Town(1)).openapi()["components"]["schemas"]
    assert len(schemas.keys() - OWN) > 15
    for name in schemas.keys() - OWN:
        theirs = DOCUMENT["components"]["schemas"][name]
        assert sorted(schemas[name]["properties"]) == sorted(theirs["properties"]), name


@pytest.mark.parametrize("locale", ["ar"])
def test_a_catalogue_has_every_message_with_its_places(locale: str) -> None:
    def read(name: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(
            (REPOSITORY / "console" / "messages" / f"{name}.json").read_text(encoding="utf-8")
        )
        return found

    def places(message: object) -> set[str]:
        text = message if isinstance(message, str) else json.dumps(message[0]["match"]["countPlural=other"])  # type: ignore[index]
        return {part.split("}")[0] for part in text.split("{")[1:]}

    english, other = read("en"), read(locale)
    assert english.keys() == other.keys()
    assert all(places(english[name]) == places(other[name]) for name in english if not name.startswith("$"))
