import sys, collections
sys.path.insert(0, "/work/main")
import tests.test_merging_model as m
from onefold.domain.errors import Refused
C=collections.Counter()
def wrap(name):
    orig=getattr(m.Merging,name)
    def f(self,work):
        import traceback
        caller=sys._getframe(1).f_code.co_name
        try:
            r=orig(self,work)
        except BaseException as e:
            C[caller,"RAISED",type(e).__name__]+=1; raise
        C[caller,"ok" if r is not None else "none"]+=1
        return r
    setattr(m.Merging,name,f)
wrap("attempt"); wrap("edit")
from tests.test_merging_model import *
def test_x(make_url):
    m._check(make_url,int(__import__("os").environ.get("EX","30")),30)
    for k,v in sorted(C.items()): print(k,v)
