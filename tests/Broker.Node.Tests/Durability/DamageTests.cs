using System.Text;
using System.Text.Json;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Durability;

/// <summary>A disk that gives back what was not written costs what it has spoilt, and says so.</summary>
[Collection(ProcessCollection.Name)]
public sealed class DamageTests
{
    private const string Queue = "damaged";
    private const int Messages = 40;
    private const int Spoilt = 17;

    [Fact]
    public async Task One_damaged_message_in_the_log_is_set_aside_and_all_others_are_delivered()
    {
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"] };
        await using (var first = await NodeProcess.StartAsync(settings))
        {
            await using var client = await first.ConnectAsync();
            await client.DeclareQueueAsync(Queue);
            await client.DeclareQueueAsync("other");
            await PublishAsync(client, Messages);
            await client.PublishAsync("", "other", "untouched"u8.ToArray());
        }

        StoreFolder.Damage(folder["data"], "log", Text(Spoilt));
        await using var second = await NodeProcess.StartAsync(settings);

        await second.ExpectLogAsync($"queue '{Queue}', 1 message(s)");
        await second.ExpectLogAsync("fail: ");
        await using var later = await second.ConnectAsync();
        await ExpectAllButSpoiltAsync(later);
        Assert.Equal("untouched", await TakeAsync(later, "other"));
        await ExpectQuarantineAsync(second, "log/", state: "damaged");
        var show = Assert.Single(await RowsAsync(second, "store show"));
        Assert.Equal(1, show.GetProperty("lostMessages").GetInt64());
    }

    [Fact]
    public async Task A_damaged_message_in_a_segment_is_found_by_a_verification_while_the_node_runs()
    {
        await using var node = await NodeProcess.StartAsync(new NodeSettings { Environment = [.. DurabilitySettings.SmallStore] });
        await using var client = await node.ConnectAsync();
        await client.DeclareQueueAsync(Queue);
        await client.DeclareQueueAsync("filler");
        await PublishAsync(client, Messages);

        // Other messages push these out of the log: into a segment, as they are still wanted.
        for (var first = 0; !Directory.Exists(Path.Combine(StoreFolder.Of(node.Data), "queues")) || !HoldsSpoilt(node); first += 1_000)
        {
            Assert.True(first < 50_000, "50 MB went through a log of 4 MiB, and its first messages are in no segment");
            await NumberedLoad.PublishAsync(client, "filler", first, 1_000);
            await NumberedLoad.DrainAsync(client, "filler", first, 1_000);
        }

        Assert.All(await RowsAsync(node, "store verify"), file => Assert.Equal(0, file.GetProperty("damaged").GetInt32()));
        StoreFolder.Damage(node.Data, "queues", Text(Spoilt));
        var damaged = Assert.Single(await RowsAsync(node, $"store verify --queue {Queue}"), file => file.GetProperty("damaged").GetInt32() > 0);

        Assert.Equal(Queue, damaged.GetProperty("queue").GetString());
        Assert.EndsWith(".seg", damaged.GetProperty("file").GetString(), StringComparison.Ordinal);
        await ExpectQuarantineAsync(node, "queues/", state: "damaged");
        await using var later = await node.ConnectAsync();
        Assert.Equal(Text(0), await TakeAsync(later, Queue)); // in memory or on disk: the others are there
    }

    private static async Task PublishAsync(BrokerClient client, int messages)
    {
        for (var number = 0; number < messages; number++)
        {
            await client.PublishAsync("", Queue, Encoding.UTF8.GetBytes(Text(number)));
        }
    }

    private static async Task ExpectAllButSpoiltAsync(BrokerClient client)
    {
        for (var number = 0; number < Messages; number++)
        {
            if (number != Spoilt)
            {
                Assert.Equal(Text(number), await TakeAsync(client, Queue));
            }
        }

        Assert.Null(await client.GetAsync(Queue));
    }

    private static async Task<string?> TakeAsync(BrokerClient client, string queue)
    {
        if (await Wait.For(client.GetAsync(queue), $"a message of {queue}") is not { } delivery)
        {
            return null;
        }

        await delivery.AckAsync();
        return Encoding.UTF8.GetString(delivery.Body.Span);
    }

    /// <summary>The damaged piece is listed, with its queue, and can be had: all but one byte of the message is still there.</summary>
    private static async Task ExpectQuarantineAsync(NodeProcess node, string file, string state)
    {
        var piece = Assert.Single(await RowsAsync(node, "store quarantine list"));
        Assert.Equal((Queue, 1), (piece.GetProperty("queue").GetString(), piece.GetProperty("messages").GetInt32()));
        Assert.StartsWith(file, piece.GetProperty("file").GetString(), StringComparison.Ordinal);
        var messages = await RowsAsync(node, $"store quarantine export {piece.GetProperty("id").GetInt32()}");
        var spoilt = Assert.Single(messages, row => row.GetProperty("state").GetString() == state);
        var bytes = spoilt.GetProperty("data").GetBytesFromBase64();
        var expected = Encoding.UTF8.GetBytes(Text(Spoilt));
        Assert.Equal(1, bytes[^expected.Length..].Zip(expected).Count(pair => pair.First != pair.Second));
    }

    private static async Task<List<JsonElement>> RowsAsync(NodeProcess node, string command)
    {
        var (exitCode, text, error) = await Shell.RunAsync(node, $"./pbm --json {command}");
        Assert.True(exitCode == 0, $"pbm {command}: exit code {exitCode}\n{text}{error}");
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    private static bool HoldsSpoilt(NodeProcess node) => Directory
        .EnumerateFiles(Path.Combine(StoreFolder.Of(node.Data), "queues"), "*.seg", SearchOption.AllDirectories)
        .Any(path => File.ReadAllBytes(path).AsSpan().IndexOf(Encoding.UTF8.GetBytes(Text(Spoilt))) >= 0);

    private static string Text(int number) => $"a message of its own, number {number:00}, that is like no other";
}
