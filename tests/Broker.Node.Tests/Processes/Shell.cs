namespace Broker.Node.Tests.Processes;

/// <summary>Somebody who types into a shell, with <c>pbm</c>'s launcher in the working directory and a node's data folder.</summary>
internal static class Shell
{
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(NodeProcess node, string line)
    {
        using var folder = new TemporaryFolder();
        var launcher = folder["pbm"];
        var program = string.Join(' ', ChildProcess.DotNet("pbm.dll").Select(word => $"'{word}'"));
        await File.WriteAllTextAsync(launcher, $"#!/bin/sh\nexec {program} \"$@\"\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(launcher, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        using var shell = ChildProcess.Start(["sh", "-c", line], [("BROKER_DATA", node.Data)], folder.Path);
        await Wait.For(shell.Exited, $"$ {line}");
        return (shell.ExitCode, shell.StandardOutput, shell.StandardError);
    }
}
