namespace Broker.Pbm.Tests;

public sealed class HelpTests
{
    [Fact]
    public async Task Help_lists_the_commands_of_pbm_and_of_the_node()
    {
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("help"));
        foreach (var command in new[] { "queue declare", "queue list", "actor hierarchy", "message publish", "message consume", "connection ping" })
        {
            Assert.Contains($"\n  {command} ", pbm.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Without_a_node_help_lists_what_pbm_has_itself()
    {
        await using var pbm = new PbmRun(refusal: new PbmException(ExitCode.CannotConnect, "", "nobody answers"));
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("help"));
        Assert.Contains("message publish", pbm.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("queue declare", pbm.Output, StringComparison.Ordinal);
        Assert.Contains("nobody answers", pbm.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_as_json_is_one_object_for_each_command()
    {
        await using var pbm = new PbmRun();
        await pbm.RunAsync("help", "--json");
        Assert.Contains("{\"command\":\"queue list\",\"description\":\"List the queues.\"}\n", pbm.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("help", "queue", "declare")]
    [InlineData("queue", "declare", "--help")]
    public async Task Help_of_a_command_of_the_node_explains_its_arguments(params string[] arguments)
    {
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync(arguments));
        Assert.Contains("Make a queue.", pbm.Output, StringComparison.Ordinal);
        Assert.Contains("Bound [default: 1000]", pbm.Output, StringComparison.Ordinal);
        Assert.Empty(pbm.Session.Requests);
    }

    [Fact]
    public async Task Help_of_a_palette_lists_its_commands()
    {
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("help", "queue"));
        Assert.Contains("declare", pbm.Output, StringComparison.Ordinal);
        Assert.Contains("list", pbm.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_of_pbms_own_command_needs_no_node()
    {
        await using var pbm = new PbmRun(refusal: new PbmException(ExitCode.CannotConnect, "", "nobody answers"));
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("help", "message", "publish"));
        Assert.Contains("--stdin", pbm.Output, StringComparison.Ordinal);
        Assert.Empty(pbm.Targets);
    }

    [Fact]
    public async Task Ping_prints_each_round_trip_and_a_summary()
    {
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("connection", "ping", "--count", "2"));
        Assert.Equal("echo 1: 0.250 ms\necho 2: 0.250 ms\n2 echoes: min 0.250, mean 0.250, max 0.250 ms\n", pbm.Output);
    }

    [Fact]
    public async Task Ping_as_json_is_one_object_for_each_round_trip()
    {
        await using var pbm = new PbmRun();
        await pbm.RunAsync("connection", "ping", "--count", "1", "--json");
        Assert.Equal("{\"sequence\":1,\"milliseconds\":0.25}\n", pbm.Output);
    }

    [Fact]
    public async Task The_prompt_runs_lines_until_exit()
    {
        await using var pbm = new PbmRun();
        var lines = new List<string>();
        using var typed = new StringReader("queue list\n\n  message publish \"two words\"  \nexit\nnever\n");
        await Prompt.RunAsync(pbm.Console, typed, words =>
        {
            lines.Add(string.Join('|', words));
            return Task.CompletedTask;
        });
        Assert.Equal(["queue|list", "message|publish|two words"], lines);
    }
}
