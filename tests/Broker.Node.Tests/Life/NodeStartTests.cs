using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Life;

/// <summary>A start that cannot work ends at once, with a sentence that an operator can act on.</summary>
[Collection(ProcessCollection.Name)]
public sealed class NodeStartTests
{
    private const int Nobody = 65534;

    [Fact]
    public async Task A_second_node_on_the_same_port_fails_and_says_so()
    {
        await using var first = await NodeProcess.StartAsync();

        var (exitCode, error) = await NodeProcess.FailAsync(new NodeSettings { Port = first.Address.Port });

        Assert.Equal(1, exitCode);
        Assert.Contains("The node cannot start:", error, StringComparison.Ordinal);
        Assert.Contains($"127.0.0.1:{first.Address.Port}", error, StringComparison.Ordinal);
        Assert.Contains("in use", error, StringComparison.Ordinal);
        await using var client = await first.ConnectAsync();
        await client.PingAsync();
    }

    [Fact]
    public async Task A_second_node_on_the_same_data_folder_fails_and_says_so()
    {
        await using var first = await NodeProcess.StartAsync();

        var (exitCode, error) = await NodeProcess.FailAsync(new NodeSettings { Data = first.Data });

        Assert.Equal(1, exitCode);
        Assert.Contains($"'{first.Data}' is in use by another node", error, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(first.Data, "node.json")), "the second node has taken the first one's address away");
    }

    [Theory]
    [InlineData("--port 70000", "Port must be between 0 and 65535")]
    [InlineData("--port seven", "seven")]
    [InlineData("--listen nowhere", "Listen must be an IP address such as 127.0.0.1 or ::")]
    [InlineData("--transport tcp", "Transport must be auto, msquic or ngtcp2")]
    [InlineData("--name a/b", "Name must be 1 to 64 letters, digits, dots, dashes or underscores")]
    [InlineData("--config nowhere.json", "nowhere.json")]
    [InlineData("--welcome nowhere.txt", "nowhere.txt")]
    [InlineData("--prot 7500", "--prot")]
    public async Task A_setting_that_cannot_be_ends_the_start_with_what_would_be_right(string options, string sentence)
    {
        var (exitCode, error) = await NodeProcess.FailAsync(new NodeSettings { Options = options.Split(' ') });

        Assert.NotEqual(0, exitCode);
        Assert.Contains(sentence, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal); // a sentence, not a stack
    }

    [Theory]
    [InlineData("BROKER_LIMITS__MAXQUEUEBYTES", "0", "MaxQueueBytes must be between 1 and")]
    [InlineData("BROKER_LIMITS__MAXMESSAGEBYTES", "many", "MaxMessageBytes")]
    [InlineData("BROKER_LIMITS__MAXMEMORYBYTES", "4096", "MaxMemoryBytes 4096 must hold one message")]
    public async Task A_limit_that_cannot_be_ends_the_start_with_what_would_be_right(string name, string value, string sentence)
    {
        var (exitCode, error) = await NodeProcess.FailAsync(new NodeSettings { Environment = [(name, value)] });

        Assert.Equal(1, exitCode);
        Assert.Contains(sentence, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_certificates_the_start_ends_and_names_the_file()
    {
        var (exitCode, error) = await NodeProcess.FailAsync(new NodeSettings { Options = ["--development-certificates", "false"] });

        Assert.Equal(1, exitCode);
        Assert.Contains(Path.Combine("certs", "server.pem"), error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_folder_that_cannot_be_written_ends_the_start_and_is_named()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes");
            return;
        }

        using var folder = new TemporaryFolder();
        var mode = UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        File.SetUnixFileMode(folder.Path, mode);

        // To root everything is permitted.
        string[] launcher = Environment.IsPrivilegedProcess ? ["setpriv", $"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups"] : [];
        var data = folder["data"];
        var (exitCode, error) = await NodeProcess.FailAsync(new NodeSettings { Data = data, Environment = [("HOME", "/tmp")], Launcher = launcher });

        Assert.Equal(1, exitCode);
        Assert.Contains("The node cannot start:", error, StringComparison.Ordinal);
        Assert.Contains(data, error, StringComparison.Ordinal);
        Assert.Contains("denied", error, StringComparison.Ordinal);
    }
}
