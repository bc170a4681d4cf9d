FROM corpus/busybox
HEALTHCHECK --retries=2 CMD true
