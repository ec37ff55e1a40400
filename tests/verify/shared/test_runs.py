"""What the plays on this host took, and whether check mode told the truth about them."""

import pytest
import yaml


@pytest.fixture(scope="module")
def budgets(root) -> dict:
    """Seconds by role."""
    return yaml.safe_load((root / "tests" / "budgets.yml").read_text())


# What a person is promised, in seconds, of a whole play on two cores.
PROMISED = {"first": 360, "again": 60}


@pytest.mark.parametrize(("which", "run"), [("first", 0), ("again", -1)])
def test_roles_keep_their_budget(runs, budgets, which, run):
    real = [r for r in runs if not r["check"]]
    assert real[run]["seconds"] <= PROMISED[which]
    too_slow = [
        f"{name}: {role['seconds']} s of {budgets[name][which]}; slowest: "
        + ", ".join(f"{task} ({seconds} s)" for seconds, task in role["slowest"])
        for name, role in real[run]["roles"].items()
        if name in budgets and role["seconds"] > budgets[name][which]
    ]
    assert not too_slow


def test_every_role_has_a_budget(root, budgets):
    assert sorted(budgets) == sorted(p.name for p in (root / "roles").iterdir() if not p.name.startswith("_"))


def test_check_mode_on_a_blank_host_told_the_truth(runs):
    """What it predicted was changed; what it did not predict, it had said it can't ask."""
    predicted = next(r for r in runs if r["check"])["roles"]
    real = next(r for r in runs if not r["check"])["roles"]
    wrong = []
    for name, role in real.items():
        said, did = set(predicted[name]["changed"]), set(role["changed"])
        wrong += [f"{name}: predicted, not done: {task}" for task in said - did]
        wrong += [f"{name}: done, not predicted: {task}" for task in did - said - set(predicted[name]["skipped"])]
    assert not wrong
