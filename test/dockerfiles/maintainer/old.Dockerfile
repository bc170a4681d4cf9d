FROM corpus/busybox
MAINTAINER Somebody Else
CMD ["parent", "command"]
