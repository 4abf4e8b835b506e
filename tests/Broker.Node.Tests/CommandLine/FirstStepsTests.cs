using System.Globalization;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.CommandLine;

/// <summary>The lines that a newcomer types after <c>./run.sh</c>, word for word, in a shell, against a real node.</summary>
[Collection(ProcessCollection.Name)]
public sealed class FirstStepsTests
{
    private const string Declare = "./pbm queue declare orders";
    private const string Publish = "./pbm message publish --exchange \"\" --key orders \"hello\"";
    private const string PublishLines = @"printf 'a\nb\nc\n' | ./pbm message publish --exchange """" --key orders --stdin";
    private const string List = "./pbm queue list";
    private const string Consume = "./pbm message consume orders --count 4";
    private const string Hierarchy = "./pbm actor hierarchy";

    [Fact]
    public async Task The_first_steps_work_word_for_word()
    {
        await using var node = await NodeProcess.StartAsync();

        Assert.Equal(["name\tmessages\tconsumers", "orders\t0\t0"], await TypeAsync(node, Declare));
        Assert.Equal(["1 confirmed"], await TypeAsync(node, Publish));
        Assert.Equal(["3 confirmed"], await TypeAsync(node, PublishLines));

        var list = await TypeAsync(node, List);
        Assert.Equal(2, list.Length);
        var queue = list[0].Split('\t').Zip(list[1].Split('\t')).ToDictionary(cell => cell.First, cell => cell.Second);
        Assert.Equal(("orders", "yes", "4", "0", "0"), (queue["name"], queue["durable"], queue["ready"], queue["unsettled"], queue["consumers"]));
        Assert.True(long.Parse(queue["bytes"], CultureInfo.InvariantCulture) > 8, $"4 messages take {queue["bytes"]} bytes");

        Assert.Equal(["hello", "a", "b", "c"], await TypeAsync(node, Consume));

        var actors = await TypeAsync(node, Hierarchy);
        Assert.StartsWith("path\ttype\t", actors[0], StringComparison.Ordinal);
        Assert.Contains(actors, line => line.StartsWith("/user/topology\tTopologyActor\t", StringComparison.Ordinal));
        Assert.Contains(actors, line => line.Contains("/orders\tQueueActor\t", StringComparison.Ordinal));
        Assert.Contains(actors, line => line.Contains("\tAdminStreamActor\t", StringComparison.Ordinal));
        Assert.Equal(["name\tdurable\tpolicy\targuments\tready\tdelayed\tunsettled\tconsumers\tbytes\tstate\tblocked", "orders\tyes\t\t\t0\t0\t0\t0\t0\trunning\t"], await TypeAsync(node, List));
    }

    [Theory]
    [InlineData("scripts/next-steps.txt")]
    [InlineData("README.md")]
    public void The_first_steps_are_the_ones_that_people_are_told(string path)
    {
        var text = File.ReadAllText(Path.Combine(Root(), path));
        Assert.All([Declare, Publish, PublishLines, List, Consume, Hierarchy], line => Assert.Contains(line, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_goes_wrong_has_an_exit_code_and_a_sentence()
    {
        await using var node = await NodeProcess.StartAsync();

        await FailAsync(node, "./pbm message consume nothing", 1, "nothing");
        await FailAsync(node, "./pbm message publish --exchange nowhere --key a hello", 1, "nowhere");
        await FailAsync(node, "./pbm queue declare", 2, "queue");
        await FailAsync(node, "./pbm --user client queue list", 1, "ACCESS_REFUSED");
        await node.StopAsync();
        await FailAsync(node, $"./pbm --host 127.0.0.1 --port {node.Address.Port} queue list", 3, "127.0.0.1");
    }

    private static async Task<string[]> TypeAsync(NodeProcess node, string line)
    {
        var (exitCode, output, error) = await Shell.RunAsync(node, line);
        Assert.True(exitCode == 0 && error.Length == 0, $"$ {line}\nexit code {exitCode}\n{output}{error}{node.Transcript}");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static async Task FailAsync(NodeProcess node, string line, int expected, string sentence)
    {
        var (exitCode, output, error) = await Shell.RunAsync(node, line);
        Assert.True(
            exitCode == expected && error.Contains(sentence, StringComparison.Ordinal),
            $"$ {line}\nexit code {exitCode}, expected {expected} and '{sentence}'\n{output}{error}");
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Broker.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("the test runs outside of the repository");
        }

        return folder.FullName;
    }
}
