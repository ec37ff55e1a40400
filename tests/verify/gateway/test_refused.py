"""Role gateway: what a site gives that can't be meant, before anything is changed."""

import json

import pytest

GOOD = {"name": "anna", "role": "engineer", "password": "a password"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gateway_users": [GOOD | {"name": 'an"na'}]}, "can't be a name"),
        ({"gateway_users": [GOOD | {"name": "an\nna"}, GOOD | {"role": "owner"}]}, "the role 'owner', which there is not"),
        (
            {"gateway_given_certificate": "nonsense", "gateway_given_key": "nonsense"},
            "gateway_given_certificate is no certificate",
        ),
    ],
)
def test_it_is_said_in_one_line(refusal, given, said):
    error = refusal("site.yml", "-e", json.dumps(given))
    assert "Nothing was changed: gateway_" in error
    assert said in error
    assert "\n" not in error
