"""Moving over: what other set-ups left here and on WebDAV servers is brought into a sync, once and for all."""
