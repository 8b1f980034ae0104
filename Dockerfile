# bisync-tasks in a container: a small image, a user without rights, a watch as its command. How to run it: docs/install.md.
#   docker build --tag bisync-tasks .
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY . .
# Compiled here: the user of the image cannot write beside the modules.
RUN python -m venv /opt/bisync \
    && /opt/bisync/bin/pip install --no-cache-dir '.[rclone]' \
    && /opt/bisync/bin/pip uninstall --yes pip \
    && /opt/bisync/bin/python -m compileall -q /opt/bisync/lib

FROM python:${PYTHON}-slim
ARG UID=1000
RUN useradd --uid "${UID}" --create-home --home-dir /home/bisync --shell /usr/sbin/nologin bisync \
    && install -d /etc/bisync
COPY --from=build /opt/bisync /opt/bisync
ENV PATH=/opt/bisync/bin:$PATH BISYNC_MANIFEST=/etc/bisync/bisync.yaml
USER ${UID}
WORKDIR /home/bisync
# Notes, state and rclone.conf: what has to last.
VOLUME /home/bisync
# One SIGTERM ends the run that is under way in order.
STOPSIGNAL SIGTERM
ENTRYPOINT ["bisync"]
CMD ["sync", "--watch"]
