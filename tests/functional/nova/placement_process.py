"""Real Placement in a separate process: reads requests from standard input, one JSON list a line.

A request is a method, a path and a body; the answer is a status and a body. The argument is an
empty directory for the database.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import webob
from oslo_config import cfg
from placement import conf, deploy

MICROVERSION = '1.38'


def main(directory: str) -> None:
    options = cfg.ConfigOpts()
    conf.register_opts(options)
    group = 'placement_database'
    options.set_default('connection', f'sqlite:///{Path(directory, "db")}', group=group)
    options([], default_config_files=[], project='placement')
    options.set_override('sync_on_startup', True, group=group)
    options.set_override('auth_strategy', 'noauth2', group='api')
    application = deploy.loadapp(options)
    for line in sys.stdin:
        method, path, body = json.loads(line)
        request = webob.Request.blank(path, method=method, headers={
            'X-Auth-Token': 'admin', 'OpenStack-API-Version': f'placement {MICROVERSION}',
            'Accept': 'application/json'})
        if body is not None:
            request.content_type = 'application/json'
            request.body = json.dumps(body).encode()
        answer = request.get_response(application)
        print(json.dumps([answer.status_int, answer.json if answer.text else None]), flush=True)


if __name__ == '__main__':
    main(sys.argv[1])
