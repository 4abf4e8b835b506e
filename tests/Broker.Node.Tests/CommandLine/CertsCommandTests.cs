using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.CommandLine;

/// <summary>The node's <c>certs</c> command, as its own process.</summary>
[Collection(ProcessCollection.Name)]
public sealed class CertsCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Nodes_of_a_cluster_get_files_of_their_names()
    {
        Assert.Equal("Made in " + _folder["certs"] + ": ca, node-n1, node-n2, client, admin\n", await RunAsync([], "--node", "n1", "--node", "n2"));
        Assert.Equal($"All there and valid in {_folder["certs"]}\n", await RunAsync([], "--node", "n2"));
        Assert.False(File.Exists(_folder["certs/server.pem"]));
    }

    /// <summary>As in a container that runs as any number, or for a service's user.</summary>
    [Fact]
    public async Task Whoever_has_no_home_may_make_and_renew_certificates()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && OperatingSystem.IsLinux(), "only root may become somebody without a home");

        // A user that is in no list of users; the folder is the one thing that it may write.
        string[] homeless = ["env", "--unset=HOME", "setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"];
        Directory.CreateDirectory(_folder["certs"]);
        using (var open = ChildProcess.Start(["chmod", "0777", _folder.Path, _folder["certs"]]))
        {
            await Wait.For(open.Exited, "chmod");
        }

        Assert.StartsWith("Made in ", await RunAsync(homeless), StringComparison.Ordinal);
        Assert.StartsWith("All there and valid ", await RunAsync(homeless), StringComparison.Ordinal);
    }

    private async Task<string> RunAsync(string[] launcher, params string[] arguments)
    {
        using var process = ChildProcess.Start([.. launcher, .. ChildProcess.DotNet("Broker.Node.dll", ["certs", "--certs", _folder["certs"], .. arguments])]);
        await Wait.For(process.Exited, "the certs command");
        Assert.True(process.ExitCode == 0, $"exit code {process.ExitCode}\n{process.Transcript}");
        return process.StandardOutput;
    }
}
