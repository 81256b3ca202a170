# cmake -DTOOL=PROGRAM -DNAME=goss -DDIR=share -P WriteManuals.cmake
# Writes what a tool says of itself: a manual page for it and for each of its
# commands, and its completion for three shells, where systems look for them.

# write(FILE arguments...): what the tool prints.
function(write file)
  execute_process(COMMAND ${TOOL} ${ARGN} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  file(WRITE ${DIR}/${file} "${text}")
  set(text "${text}" PARENT_SCOPE)
endfunction()

write(man/man1/${NAME}.1 --help-man)
# The page of a tool lists those of its commands.
string(REGEX MATCHALL "\n\\.BR ${NAME}[^ ]* \\(1\\)" pages "${text}")
foreach(page ${pages})
  string(REGEX REPLACE ".*BR ${NAME}\\\\-([a-z]+) .*" "\\1" command "${page}")
  write(man/man1/${NAME}-${command}.1 ${command} --help-man)
endforeach()
write(bash-completion/completions/${NAME} --completion=bash)
write(zsh/site-functions/_${NAME} --completion=zsh)
write(fish/vendor_completions.d/${NAME}.fish --completion=fish)
