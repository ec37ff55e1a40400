"""Role hive_metastore: it answers in its own protocol, with a schema made once."""

import re

VERSIONS = ("Hive distribution version", "Metastore schema version")
# get_all_databases of the Thrift interface, by hand: a framed client library would be one more dependency.
CALL = """
import socket, struct
name = b"get_all_databases"
message = struct.pack("!I", 0x80010001) + struct.pack("!I", len(name)) + name + struct.pack("!I", 1) + b"\\0"
with socket.create_connection(("127.0.0.1", 9083), timeout=10) as connection:
    connection.sendall(message)
    answer = connection.recv(4096)
print("default" if b"default" in answer and answer[:4] == struct.pack("!I", 0x80010002) else answer)
"""


def test_it_answers_with_the_default_database(on_host):
    assert on_host(CALL) == "default"


def test_its_schema_is_made_once(host):
    """The unit that makes it finds that it is done."""
    host.check_output("systemctl start hive-metastore-schema")
    assert host.check_output("systemctl show --value --property=ConditionResult hive-metastore-schema") == "no"


def test_it_has_no_keys_of_the_object_store(host):
    environment = host.check_output("systemctl show --property=Environment --property=EnvironmentFiles hive-metastore")
    assert "S3" not in environment
    assert host.run("grep -ri secret.key /etc/hive-metastore").rc == 1


def test_its_own_tool_reads_its_settings(host):
    """They are well-formed, and lead to the schema of this version."""
    unit = host.check_output("systemctl cat hive-metastore-schema")
    command = re.search(r"^ExecStart=(.* )-initOrUpgradeSchema$", unit, re.MULTILINE).group(1)
    tool = f"METASTORE_HOME=/opt/hive_metastore/current {command} -info"
    said = host.check_output("runuser -u hive -- sh -c %s", f"cd /var/lib/hive-metastore && {tool} 2>&1")
    distribution, schema = (re.search(rf"^{what}:\s+(\S+)$", said, re.MULTILINE).group(1) for what in VERSIONS)
    assert distribution == schema


def test_java_takes_the_options(host):
    command = re.search(r"^ExecStart=(.*)$", host.check_output("systemctl cat hive-metastore"), re.MULTILINE).group(1).split()
    options = [word for word in command if word.startswith("-X")]
    assert options
    said = host.run(f"{command[0]} {' '.join(options)} -version")
    assert said.rc == 0, said.stderr
    assert "warning" not in said.stderr.lower()
