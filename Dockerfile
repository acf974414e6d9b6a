# SPDX-License-Identifier: MPL-2.0
# One image for every service and every role: `docker run jobtrappen serve referral`, `relay referral`, `consume referral`,
# `migrate referral`, `topics`. Which service's code may load says JOBTRAPPEN_PLUGINS.

FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/jobtrappen
COPY requirements.lock ./
RUN /opt/jobtrappen/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY shared ./shared
COPY services ./services
RUN /opt/jobtrappen/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
    ./shared ./services/referral ./services/matching ./services/followup ./services/partners

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Jobtrappen" org.opencontainers.image.licenses="MPL-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jobtrappen
COPY --from=build /opt/jobtrappen /opt/jobtrappen
ENV PATH=/opt/jobtrappen/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 JOBTRAPPEN_BIND=0.0.0.0:8080
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["jobtrappen"]
CMD ["--help"]
