#!/bin/sh
set -eu
CALL_SID=$1
curl -sS --fail-with-body "$MASKBRIDGE_URL/v1/masking/calls/$CALL_SID/recording" \
  -H "Authorization: Bearer $MASKBRIDGE_KEY"
