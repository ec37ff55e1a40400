"""The tests of a rotation come last, wherever they are run with others: these know the credentials of before."""


def pytest_collection_modifyitems(items):
    """Move them behind all others."""
    items.sort(key=lambda item: "rotation" in item.path.parts)
