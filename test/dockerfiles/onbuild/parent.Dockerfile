FROM corpus/busybox
ENV WHO=parent
WORKDIR /app
RUN echo parent > order
ONBUILD ARG EXTRA=none
ONBUILD COPY message /app/
ONBUILD RUN echo "onbuild $WHO $EXTRA" >> order
ONBUILD LABEL built.by=onbuild
