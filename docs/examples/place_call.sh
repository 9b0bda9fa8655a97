#!/bin/sh
# MASKBRIDGE_URL and MASKBRIDGE_KEY are in the environment.
set -eu
curl -sS --fail-with-body "$MASKBRIDGE_URL/v1/masking/calls" \
  -H "Authorization: Bearer $MASKBRIDGE_KEY" \
  -H "Content-Type: application/json" \
  -d '{"party_a": "9000001000", "party_b": "9000007001", "reference": "order-1042"}'
