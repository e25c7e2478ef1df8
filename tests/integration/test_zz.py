import pytest, time
from parts.js_client import JsClient
from parts.python_client import PythonClient
from parts.waiting import eventually
@pytest.mark.parametrize("by",[PythonClient,JsClient])
async def test_cluster(make_cluster, connect, issuer, by):
    t=time.time(); c = await make_cluster(pods=3, roles=["intake","sockets"]); print("cluster", time.time()-t)
    print(c.pods[0].log_tail())
    for tr in (["websocket"],["polling"],["polling","websocket"]):
        clients=[await connect(c.url, issuer.token("u1"), by=by, transports=tr) for _ in range(6)]
        print(tr, [await x.command("who") for x in clients])
    rec = await connect(c.url, by=by, transports=["websocket"], reconnects=True)
    pod = next(p for p in c.pods if p.name == "x") if False else None
    name = await rec.command("who")
    pod, = [p for p in c.pods if p.name==name]
    t=time.time(); print(await pod.terminate(), time.time()-t)
    await rec.wait_for(lambda h: h.kind=="disconnect"); 
    await eventually(lambda: sum(h.kind=="connect" for h in rec.heard)==2, 10, "again")
    print(await rec.command("who"), rec.heard)
    await c.haproxy.sees(*(p.name for p in c.pods if p is not pod))
    await pod.start(); pod.stop_the_world()
    t=time.time(); await c.haproxy.sees(*(p.name for p in c.pods if p is not pod)); print("frozen seen", time.time()-t)
    pod.go_on(); await c.haproxy.sees(*(p.name for p in c.pods))
    await pod.kill()
async def test_fail(make_cluster):
    await make_cluster(settings={"REALTIME_FAIL":"1"})
