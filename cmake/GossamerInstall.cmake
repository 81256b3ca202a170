# What `cmake --install` copies: the tools, the library with its header, the
# embedded model, and the manuals and completions that the tools write of
# themselves. The build tree has the same layout, so both can be run.

include(GNUInstallDirs)

set(manuals "")
foreach(tool goss gossc)
  if(TARGET ${tool})
    set(manual ${CMAKE_BINARY_DIR}/share/man/man1/${tool}.1)
    add_custom_command(OUTPUT ${manual}
      COMMAND ${CMAKE_COMMAND} -DTOOL=$<TARGET_FILE:${tool}> -DNAME=${tool}
        -DDIR=${CMAKE_BINARY_DIR}/share -P ${CMAKE_SOURCE_DIR}/cmake/WriteManuals.cmake
      DEPENDS ${tool} ${CMAKE_SOURCE_DIR}/cmake/WriteManuals.cmake
      COMMENT "Writing manuals and completions of ${tool}" VERBATIM)
    list(APPEND manuals ${manual})
  endif()
endforeach()
add_custom_target(manuals ALL DEPENDS ${manuals})

foreach(tool goss gossc goss-opt goss-lsp-server)
  if(TARGET ${tool})
    install(TARGETS ${tool} RUNTIME)
  endif()
endforeach()
install(TARGETS gossamer LIBRARY)
install(FILES runtime/capi/gossamer.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/gossamer)
foreach(directory gossamer man bash-completion zsh fish)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/share/${directory} DESTINATION ${CMAKE_INSTALL_DATADIR})
endforeach()
