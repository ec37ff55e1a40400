"""What a role's README says of its variables is what its argument specs say."""

import subprocess
import sys


def test_role_readmes_are_up_to_date(root):
    done = subprocess.run([sys.executable, root / "scripts/role_docs.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
