import subprocess, json, time, os
def test_x(play, tmp_path):
    pls=[]
    for i in range(50):
        n=f"p{i}"
        f=tmp_path/n; f.mkdir()
        (f/"requirements.txt").write_text("")
        (f/"pipeline.yml").write_text(json.dumps(dict(name=n,title="T",owner=dict(team="t",email="a@b.c"),schedule="0 5 * * *",format="iceberg",schemas=["raw","marts"])))
        subprocess.run(["git","init","-q",str(f)],check=True)
        pls.append({"path":str(f)})
    os.environ["ANSIBLE_CALLBACKS_ENABLED"]="ansible.posix.profile_tasks"
    t=time.time()
    p=play("pipelines.yml", pipelines=pls, changed=False, answers={"pipeline_release":{"release":"abc","path":"/srv/x","fingerprint":"f"}})
    print(time.time()-t)
    print(p.said[-6000:])
    assert 0
