import subprocess, json
from pathlib import Path
def test_x(play, tmp_path):
    pls=[]
    for n in ("good","bad","other"):
        f=tmp_path/n; f.mkdir()
        (f/"requirements.txt").write_text("")
        (f/"pipeline.yml").write_text(json.dumps(dict(name=n,title="T",owner=dict(team="t",email="a@b.c"),schedule="0 5 * * *",format="iceberg",schemas=["raw","marts"])))
        subprocess.run(["git","init","-q",str(f)],check=True)
        pls.append({"path":str(f)})
    import time; t=time.time()
    p=play("pipelines.yml", pipelines=pls, faults={"pipeline_release":{"/bad":"the release X does not load"}}, answers={"pipeline_release":{"release":"abc","path":"/srv/x","fingerprint":"f"}})
    print(time.time()-t)
    print(p.said)
    for c in p.calls: print(c[0], str(c[1])[:300])
    print(p.recap(), p.errors())
    assert 0
