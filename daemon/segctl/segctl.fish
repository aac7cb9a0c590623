# segctl.fish - completion of segctl(1) in fish. segctl.bash says what there is, so bash is needed.

function __segctl_complete
    set -l current (commandline -ct)
    set -l option (string match -r '^--[a-z-]+=' -- $current)
    set -l value (string replace -r '^--[a-z-]+=' '' -- $current)

    for line in (bash /usr/share/bash-completion/completions/segctl (commandline -opc) "$current")
        switch $line
            case :command
                __fish_complete_command
            case :file
                for path in (__fish_complete_path "$value")
                    echo -- "$option$path"
                end
            case :directory
                for path in (__fish_complete_directories "$value" '')
                    echo -- "$option$path"
                end
            case '*'
                echo -- $line
        end
    end
end

complete -c segctl -f -a '(__segctl_complete)'
