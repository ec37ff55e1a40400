# Copyright (c) 2026 FOSS Data Platform contributors
# SPDX-License-Identifier: MIT
"""Templates and variables of roles, as Ansible renders them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

SPEC = {
    "name": "sales",
    "path": "/repositories/sales",
    "release": "0d9e4c2ab71f",
    "user": "pl-sales",
    "settings": {},
    "manifest": {"name": "sales", "format": "iceberg", "schemas": ["raw"], "memory_mb": 1024},
}


class Role:
    """One role with the platform's defaults of its own; ``given`` are the variables that a playbook sets."""

    def __init__(self, root: Path, name: str, given: dict) -> None:
        self._loader = DataLoader()
        folder = root / "roles" / name
        paths = [folder / kind / "main.yml" for kind in ("defaults", "vars")]
        files = [self._loader.load_from_file(str(path), trusted_as_template=True) or {} for path in paths if path.exists()]
        self._variables = {"ansible_managed": "managed", "role_path": str(folder)}
        self._variables["ansible_search_path"] = [str(folder), str(root / "roles" / "_common")]
        for variables in [*files, given]:
            self._variables |= variables
        self._templar = Templar(self._loader, self._variables)

    def variable(self, name: str):
        """Its value."""
        return self._templar.template(self._variables[name])

    def template(self, name: str) -> str:
        """Its text."""
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        return lookup.run([name], self._variables)[0]

    def unit(self, name: str) -> list[str]:
        """The settings in a template that is a unit's file."""
        return [line for line in self.template(name).splitlines() if line and line[0] not in "#["]

    def data(self, name: str):
        """What stands in a template that is YAML or JSON."""
        return yaml.safe_load(self.template(name))


@pytest.fixture
def role(root: Path) -> Callable[..., Role]:
    """A role by its name, with variables."""
    return lambda name, **given: Role(root, name, given)


@pytest.fixture
def spec() -> Callable[..., dict]:
    """A pipeline as the lookup gives it, with more in its manifest."""
    return lambda **manifest: SPEC | {"manifest": SPEC["manifest"] | manifest}
