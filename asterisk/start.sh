#!/bin/bash
# Fills in the configuration from the environment and becomes Asterisk. The container's command; outside of containers see src/sandbox/real-asterisk.ts.
set -euo pipefail
: "${ARI_PASSWORD:?must be set: the password of the ARI user}"
TEMPLATES=${TEMPLATES:-/etc/ringfence-asterisk}
SHARE=${SHARE:-/usr/share/asterisk}
export HOME=${ASTERISK_HOME:-/var/lib/ringfence}
export MODULES=${MODULES:-/usr/lib/$(uname -m)-linux-gnu/asterisk/modules}

umask 077
mkdir -p "$HOME"/{etc,run,log,lib/agi-bin,lib/keys,spool/recording,spool/tmp,data/sounds}
ln -sfn "$SHARE/rest-api" "$HOME/data/rest-api"
ln -sfn "$SHARE/documentation" "$HOME/data/documentation"
ln -sfn "$SHARE/sounds/en_US_f_Allison" "$HOME/data/sounds/en"

for template in "$TEMPLATES"/*.conf; do
  text=$(<"$template")
  while [[ $text =~ @([A-Z_]+)@ ]]; do
    name=${BASH_REMATCH[1]}
    [[ -v $name ]] || { echo "$template asks for $name, which is not set" >&2; exit 1; }
    # Quoted, so that no character of the value means anything to the replacement.
    text=${text//"@$name@"/"${!name}"}
  done
  printf '%s\n' "$text" > "$HOME/etc/${template##*/}"
done

exec "${ASTERISK:-asterisk}" -f -C "$HOME/etc/asterisk.conf"
