#!/bin/sh
# hostile.sh: the command hmap among damaged files, signals, other users' folders and odd surroundings does nothing that it was not
# asked for, and says what is wrong in one line. Each promise of SECURITY.md about the command has a case here.

. "$abs_top_srcdir/tests/tools/tools.sh"
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
hostile=$sources/hostile.py
check "the programs compile" eval 'compile_words && compile_split_words'

# ---- What lies about is not run.
evil='print("EVIL")'
beside() {
  cp -a root beside
  place=beside${bin#"$top"/root}
  for name in json argparse stat hmaptool sitecustomize encodings; do
    for folder in "$place" "$place/../share/hmap" . path; do
      mkdir -p "$folder" && echo "$evil" >"$folder/$name.py"
    done
  done
  PYTHONPATH=$PWD/path PYTHONSTARTUP=$PWD/json.py PYTHONUSERBASE=$PWD/path ends 0 "$place/hmap" check ./words >ran 2>&1 &&
    ! grep -q EVIL ran && PYTHONHOME=/nonexist ends 0 "$place/hmap" check ./words
  status=$?
  rm -f ./*.py
  return $status
}
check "modules beside the command, in the current folder and on Python's paths" beside

# In the current folder there is what is nowhere on PATH, and what is in a folder for administrators.
slip() {
  mkdir slip && printf '#!/bin/sh\necho EVIL\n' >slip/gti && cp slip/gti slip/ldconfig && chmod +x slip/* && (cd slip &&
    refuses 127 "there is no program gti on PATH: if you mean what is here, name it ./gti" run gti &&
    refuses 2 "no program gti on PATH" compare gti && refuses 2 "no program gti on PATH" relink gti -o never &&
    ends 1 hmap check gti >../found && ends 127 hmap env gti 2>/dev/null && ! PATH=/usr/bin:/bin hmap run ldconfig --version | grep EVIL)
}
check "a slip of the pen" slip
check "a name of the current folder, where PATH names that" eval '(cd slip && PATH=:$PATH && same EVIL "$(hmap run gti)")'
check "without PATH, programs are found where the C library looks" eval 'env -u PATH "$bin/hmap" check sh | grep -q /bin/sh'

if [ "$(id -u)" = 0 ] && $as_nobody test -x "$bin/hmap" 2>/dev/null; then
  mkdir alice && cp words victim && cp words alice/prog && chmod 600 victim && chown -R 65534:65534 alice
  # attacked COMMAND...: runs it, many times, while an attacker puts links to victim in the place of what it makes.
  attacked() {
    before=$(stat -c '%a %u %g %Y %Z %i' victim; stat -c '%a %u %g' .; sha256sum <victim)
    rm -f stop
    $as_nobody "$PYTHON3" "$hostile" swap "$PWD/alice" "$PWD/victim" &
    attacker=$!
    for n in 1 2 3 4 5 6 7 8 9 10; do
      "$@" >ran 2>&1
      case $? in [02]) ;; *) cat ran ;; esac
    done
    touch stop
    wait $attacker
    same "$before" "$(stat -c '%a %u %g %Y %Z %i' victim; stat -c '%a %u %g' .; sha256sum <victim)" && ! grep Traceback ran
  }
  check "relink in a folder whose owner swaps what is made: in place" attacked hmap relink --in-place alice/prog
  check "and a new file" attacked hmap relink ./words -o alice/new

  # A file of somebody else's that looks like what was kept.
  mkdir shared && chmod 1777 shared && hmap relink ./words -o shared/w >/dev/null
  $as_nobody sh -c 'printf "#!/bin/sh\necho EVIL as \$(id -u)\n" >shared/w.hmap-orig; chmod +x shared/w.hmap-orig'
  planted() {
    sha256sum shared/w >before &&
      refuses 2 "shared/w.hmap-orig belongs to somebody else" compare --runs 1 ./shared/w a &&
      refuses 2 "shared/w.hmap-orig belongs to somebody else" relink --undo shared/w && sha256sum -c --quiet before &&
      cp words other && echo more >>other && cp other shared/w.hmap-orig && chown 0:0 shared/w.hmap-orig &&
      refuses 2 "is not what $PWD/shared/w was made from" relink --undo shared/w &&
      refuses 2 "is not what $PWD/shared/w was made from" compare --runs 1 ./shared/w a && sha256sum -c --quiet before
  }
  check "a kept program that somebody else put there is neither run nor put back" planted

  # Root with a HOME of somebody else's, who exchanges the folders in it.
  mkdir -p home/.cache/evil && hmap run ./words a >/dev/null
  cp -r "$XDG_CACHE_HOME/hmap/." home/.cache/evil
  find home -name words -exec sh -c 'printf "#!/bin/sh\necho EVIL\n" >"$1"' - {} \;
  chown -R 65534:65534 home
  foreign_home() {
    rm -f home/.cache/stop
    $as_nobody "$PYTHON3" "$hostile" exchange "$PWD/home/.cache/hmap" "$PWD/home/.cache/evil" &
    attacker=$!
    for n in 1 2 3 4 5 6 7 8 9 10; do
      env -u XDG_CACHE_HOME HOME="$PWD/home" "$bin/hmap" run ./words a
    done >ran 2>&1
    touch home/.cache/stop
    wait $attacker
    ! grep EVIL ran && same 10 "$(grep -c "others may change .*/home.*: set XDG_CACHE_HOME to a folder of yours" ran)"
  }
  check "a cache in somebody else's home" foreign_home
  check "a program that would not keep its owner" eval 'mkdir -m 777 common && cp words common/w && chown 1234 common/w &&
    $as_nobody "$bin/hmap" relink --in-place common/w 2>found; grep "would not keep its owner" found && same 1234 "$(stat -c %u common/w)"'
  on_noexec() {
    mkdir noexec && ends 126 unshare --mount sh -c 'mount -t tmpfs -o noexec,mode=700 none noexec && XDG_CACHE_HOME=$PWD/noexec "$0" run \
      ./words a' "$bin/hmap" 2>found
    grep "if the file system there forbids programs (noexec), set XDG_CACHE_HOME to another folder" found
  }
  if unshare --mount true 2>/dev/null; then
    check "a cache on a file system that forbids programs" on_noexec
  else
    skip "a cache on a file system that forbids programs" "nothing can be mounted here"
  fi
  check "no HOME and no line in passwd" eval 'mkdir -m 777 nohome && cd nohome && setpriv --reuid=4242 --regid=4242 --clear-groups \
    env -u HOME -u XDG_CACHE_HOME "$bin/hmap" run ../words a 2>../found; cd .. && grep "HOME is not set: set XDG_CACHE_HOME" found &&
    same "" "$(ls -A nohome)"'
else
  skip "other users" "this takes root"
fi

# ---- Whatever is closed, full or odd.
check "standard input is closed" eval 'cd here && hmap compare --runs 1 ../words a <&- >../ran; status=$?; cd .. && same 0 $status'
check "standard error is closed: the message goes nowhere" eval 'ends 2 hmap check --bad 2>&- >out; same "" "$(cat out)"'
check "all is closed" eval 'ends 0 hmap check ./words <&- >&- 2>&-'
check "a descriptor that is closed stays closed for the program" eval 'same "$(ls /proc/self/fd <&- 2>&- | tr "\n" " ")" \
  "$(hmap run ls /proc/self/fd <&- 2>&- | tr "\n" " ")"'
check "one line, whatever is in a name" eval 'refuses 127 "no program ./new\\nline" run "./new
line" && refuses 2 "./\\x1b[31m\\xff" relink "$(printf "./\033[31m\377")" -o never'
check "an empty -o" refuses 2 "-o needs the name of a file or a folder" relink ./words -o ""
check "-o to a name that is too long" refuses 2 "is no name for a program" relink ./words -o "$(printf %250s | tr ' ' n)"
check "the current folder is gone" eval 'mkdir gone && cd gone && rmdir ../gone && hmap relink "$top/words" -o x 2>"$top/found"; cd "$top" &&
  same 1 "$(wc -l <found)"'
check "no room: it names what was to be made" eval 'cp words padded && truncate -s 9M padded &&
  (ulimit -f 4000 && refuses 2 "$PWD/large: File too large" relink ./padded -o large)'
check "done, and that cannot be said" eval 'cp words full && ends 0 hmap relink --in-place ./full >/dev/full 2>found &&
  grep -q "it was done, but standard output cannot be written" found && patchelf --print-needed full | grep -q hmap'
check "done, and nobody listens" eval 'hmap relink --undo ./full | true; cmp words full'
endless_tool() {
  mkdir endless && printf '#!/bin/sh\nexec yes\n' >endless/patchelf && chmod +x endless/patchelf &&
    PATH=$PWD/endless:$PATH refuses 2 "a tool prints more than can be looked at" relink ./words -o never
}
check "a tool that prints without end" endless_tool
# ---- Concurrent changes.
# A patchelf that replaces the program first, as dpkg would.
upgraded() {
  mkdir -p slow && cp words race && cp words newer && printf '\0' >>newer && real=$(command -v patchelf) &&
    printf '#!/bin/sh\nmv newer race 2>/dev/null\nexec %s "$@"\n' "$real" >slow/patchelf && chmod +x slow/patchelf &&
    PATH=$PWD/slow:$PATH refuses 2 "race was changed meanwhile, by an upgrade perhaps: nothing was done, try again" relink --in-place \
      ./race && same "$(($(stat -c %s words) + 1))" "$(stat -c %s race)" && test ! -e race.hmap-orig
}
check "a program that is upgraded while relink works stays upgraded" upgraded
at_once() {
  cp words six
  for n in 1 2 3 4 5 6; do hmap relink --in-place ./six >at-once.$n 2>&1 & done
  wait
  cmp words six.hmap-orig && patchelf --print-needed six | grep -q hmap && same 1 "$(cat at-once.* | grep -c "now bound")" &&
    same 5 "$(cat at-once.* | grep -c "another hmap relink is at\|relinked already\|was changed this moment")" && hmap relink --undo ./six
}
check "six at once" at_once

# ---- SIGKILL, at a moment of which something is left: the next one clears that up, but not what is in use.
mkdir killing left tmp && printf '#!/bin/sh\nkill -KILL $PPID\n' >killing/patchelf && chmod +x killing/patchelf && cp words left/p
killed_relink() {
  PATH=$PWD/killing:$PATH ends 137 hmap relink --in-place left/p && ls -A left | grep "^\.hmap-" && cmp words left/p &&
    hmap relink --in-place left/p && same "p p.hmap-orig" "$(ls -A left | xargs)"
}
check "a relink that was killed" killed_relink
check "and an undo, between its two steps" eval 'ln -f left/p.hmap-orig left/p && hmap relink --undo left/p && same p "$(ls -A left)" &&
  cmp words left/p'
killed_run() {
  PATH=$PWD/killing:$PATH XDG_CACHE_HOME=$PWD/left ends 137 hmap run ./words a && find left | grep "/\.hmap-" &&
    XDG_CACHE_HOME=$PWD/left ends 1 hmap run ./words a && ! find left | grep "/\.hmap-"
}
check "a run" killed_run
# compare_there PROGRAM...: of the programs that it starts the parent's parent is hmap.
compare_there() {
  (cd here && TMPDIR=$top/tmp exec "$bin/hmap" compare -n --runs 1 "$@")
}
killed_compare() {
  mkdir tmp/.hmap-compare-begun && : >go.wait
  compare_there sh -c "while test -e $top/go.wait; do sleep 0.05; done" >waiting 2>&1 &
  until used=$(ls -d tmp/.hmap-compare-*/run); do sleep 0.05; done
  ends 137 compare_there sh -c 'kill -KILL $(ps -o ppid= -p $PPID); sleep 79' && same 2 "$(ls -A tmp | wc -l)" &&
    compare_there ../words a && test -d "$used" && same 1 "$(ls -A tmp | wc -l)"
  status=$?
  rm go.wait
  wait $! && same "" "$(ls -A tmp)" && ! ps -ef | grep "[s]leep 79" && return $status
}
check "a compare" killed_compare
replayed() {
  hmap record -o t ./words a b
  xz t && for number in TERM KILL; do
    printf '#!/bin/sh\nkill -%s $PPID\n' $number >killing/valgrind && chmod +x killing/valgrind
    PATH=$PWD/killing:$PATH TMPDIR=$PWD/tmp hmap replay --check --instructions t.xz
    same "" "$(ls -A tmp)" || return 1
  done
  TMPDIR=$PWD/tmp hmap replay --check t.xz
}
if [ -e "$lib/hmap/replay-hmap" ] && command -v xz >/dev/null; then
  check "a replay leaves nothing" replayed
else
  skip "a replay leaves nothing" "built without GLib, or there is no xz"
fi

# ---- Damaged files, and signals. With numbers that are large: make check-hostile.
check "damaged files" "$PYTHON3" "$hostile" mutants "$bin/hmap" "${HMAP_TEST_MUTANTS:-25}" words /usr/bin/env
check "signals: relink" "$PYTHON3" "$hostile" signals "$bin/hmap" "${HMAP_TEST_SIGNALS:-30}" words
check "signals: compare" "$PYTHON3" "$hostile" compare-signals "$bin/hmap" "${HMAP_TEST_SIGNALS:-12}" words
check "no file of hmap's is left" same "" "$(ls -A . here | grep '^\.hmap\|^never')"
done_testing
