"""No credentials, or none that can be read: nothing is changed, and no default takes their place."""

import pyrage


def test_no_credentials_file(refusal, site):
    error = refusal("site.yml", inventory=str(site))
    assert "Credentials are missing in this inventory: secret_minio_root" in error
    assert f"Run `make secrets INVENTORY={site}` and start again; nothing was changed" in error


def test_wrong_age_key(refusal, root, tmp_path):
    keys = tmp_path / "sops" / "age" / "keys.txt"
    keys.parent.mkdir(parents=True)
    keys.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    error = refusal("site.yml", XDG_CONFIG_HOME=str(tmp_path), SOPS_AGE_KEY_FILE=str(keys), SOPS_AGE_KEY="")
    assert f"The credentials in {root}/inventories/sandbox/group_vars/all/secrets.sops.yaml can't be decrypted" in error
    assert "they are encrypted to age1" in error
    assert "Nothing was changed. Put the private key into" in error
