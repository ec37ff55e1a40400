"""What every test needs: the checkout importable as ``ansible_collections.foss_data.platform``, and the fixtures of a host."""

from pathlib import Path

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

ROOT = Path(__file__).resolve().parent.parent
# Imported when this file has been: by then the collection can be.
pytest_plugins = ["ansible_collections.foss_data.platform.tests.deployed"]

_AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's top folder."""
    return ROOT
