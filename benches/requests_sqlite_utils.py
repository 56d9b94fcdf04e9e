"""What people write when they need such an archive: a loop over the pages, and sqlite-utils.

Usage: requests_sqlite_utils.py URL TOKEN FILE
"""

import sys

import requests
import sqlite_utils

url, token, path = sys.argv[1:]
database = sqlite_utils.Database(path)
session = requests.Session()
session.headers["Authorization"] = f"Bearer {token}"
page, total = 1, 1
while (page - 1) * 200 < total:
    answer = session.get(f"{url}/v2/actions", params={"page": page, "per_page": 200}, timeout=60)
    answer.raise_for_status()
    body = answer.json()
    regions = {}
    for action in body["actions"]:
        region = action.pop("region")
        if region:
            regions[region["slug"]] = region
    database["regions"].upsert_all(regions.values(), pk="slug")
    database["actions"].upsert_all(body["actions"], pk="id")
    page, total = page + 1, body["meta"]["total"]
