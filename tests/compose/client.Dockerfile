# A caller in Python, and the load of tests/scenario, for the tests.
ARG BASE
FROM $BASE
USER root
RUN apt-get update && apt-get install -y --no-install-recommends python3-zmq python3-protobuf && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY . /client
ENV PYTHONPATH=/client/proto PYTHONDONTWRITEBYTECODE=1
USER 7200:7200
ENTRYPOINT ["sleep"]
CMD ["infinity"]
