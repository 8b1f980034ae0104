"""A stand-in for the vendor's cloud: real HTTP on loopback, both generations of its wire, and a real S3 server.

    with serve_vendor(tmp_path / "cloud", "new") as vendor:
        tokens = vendor.login()
        vendor.fault("POST", "/tenant/mount/credentials", Answer.detail(500, "sorry"))
        ... what is tested, with vendor.environment ...
        assert vendor.count("POST", "/tenant/mount/credentials") == 2
        assert vendor.files() == {"notes/a.md": "a"}

`old` is what the client 0.15.0 speaks, `new` is 0.24.1; `both` is a service of today that still has the old listing
and the old way to make a project. What the gateway says in its 401, 403 and 404 answers is made up: nobody outside
could see it. Differences to the real one that are known: all keys open all buckets, though the credentials call
gives each out for one; bucket snapshots are missing.
"""

from tests.support.vendor.server import Vendor, serve_vendor
from tests.support.vendor.values import Answer, Generation, Project, Request, Tenant, Tokens

__all__ = ["Answer", "Generation", "Project", "Request", "Tenant", "Tokens", "Vendor", "serve_vendor"]
