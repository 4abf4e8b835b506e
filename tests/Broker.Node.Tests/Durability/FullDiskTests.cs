using System.Text.Json;
using System.Text.RegularExpressions;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Durability;

/// <summary>A disk that fills up stops publishers in time, and nobody else.</summary>
[Collection(ProcessCollection.Name)]
public sealed class FullDiskTests(ITestOutputHelper output)
{
    private const string Queue = "filling";
    private const long DiskBytes = 48L << 20;
    private const long MinFreeBytes = 12L << 20;
    private const int Messages = 80_000; // of 1 KiB: more than the disk holds

    [Fact]
    public async Task A_full_disk_stops_publishers_and_lets_them_go_on_once_messages_were_settled()
    {
        using var folder = new TemporaryFolder();
        var launcher = await LauncherAsync(folder["data"]);
        await using var node = await NodeProcess.StartAsync(new NodeSettings
        {
            Data = folder["data"],
            Launcher = launcher,
            Environment = [.. DurabilitySettings.SmallStore, ("BROKER_STORAGE__MINFREEBYTES", $"{MinFreeBytes}")],
        });
        await using var client = await node.ConnectAsync();
        await using var admin = await node.ConnectAsync("admin");
        await client.DeclareQueueAsync(Queue);

        await using var publishing = await node.ConnectAsync();
        var published = Task.Run(() => NumberedLoad.PublishAsync(publishing, Queue, 0, Messages));
        await Wait.Until(
            () => BlockedAsync(admin),
            reason => reason.Contains(Queue, StringComparison.Ordinal) && reason.Contains("disk space", StringComparison.Ordinal),
            "the publisher is listed as blocked");
        var show = await Wait.Until(() => ShowAsync(admin), row => row.GetProperty("blocked").GetString()!.Contains("disk space", StringComparison.Ordinal), "the store says so too");
        Assert.Equal("running", show.GetProperty("state").GetString());
        Assert.True(show.GetProperty("freeBytes").GetInt64() > 0, $"the disk is full: {show}");
        Assert.False(published.IsCompleted, "everything has found its place on a disk that is too small for it");
        output.WriteLine($"blocked {Regex.Count(node.Log, "durable queues wait: ")} times, last with {show.GetProperty("freeBytes").GetInt64() >> 20} of {DiskBytes >> 20} MiB free");

        // Nothing was lost, and the publisher goes on by itself: the drain ends only when everything has come.
        await NumberedLoad.DrainAsync(client, Queue, 0, Messages);
        await Wait.For(published, "the publisher to go on when there is room");
        await Wait.Until(() => BlockedAsync(admin), reason => reason.Length == 0, "nobody is listed as blocked");
        await Wait.Until(() => ShowAsync(admin), row => row.GetProperty("freeBytes").GetInt64() > DiskBytes / 2, "the disk has room again");
        Assert.DoesNotContain("fail: ", node.Log, StringComparison.Ordinal);
        await node.ExpectLogAsync("publishers of durable queues wait: ");
        await node.ExpectLogAsync("publishers of durable queues go on: ");
    }

    [Fact]
    public async Task A_disk_that_somebody_else_has_filled_costs_nothing_but_time()
    {
        using var folder = new TemporaryFolder();
        var launcher = await LauncherAsync(folder["data"]);
        await using var node = await NodeProcess.StartAsync(new NodeSettings
        {
            Data = folder["data"],
            Launcher = launcher,
            Environment = [.. DurabilitySettings.SmallStore, ("BROKER_STORAGE__MINFREEBYTES", "0")], // as late as can be
        });
        await using var client = await node.ConnectAsync();
        await using var admin = await node.ConnectAsync("admin");
        await client.DeclareQueueAsync(Queue);
        var filler = Path.Combine(node.ViewOf(StoreFolder.Of(node.Data)), "filler");

        const int Before = Messages / 40;
        const int All = Messages / 4;
        await NumberedLoad.PublishAsync(client, Queue, 0, Before);
        await FillAsync(filler);
        await using var publishing = await node.ConnectAsync();
        var published = Task.Run(() => NumberedLoad.PublishAsync(publishing, Queue, Before, All - Before));

        // The publisher itself may have all of its window in the node by then, and nothing that would have to wait outside.
        var show = await Wait.Until(() => ShowAsync(admin), row => row.GetProperty("blocked").GetString()!.Contains("disk space", StringComparison.Ordinal), "the store says that publishers wait");
        Assert.False(published.IsCompleted, "everything has found its place on a full disk");
        output.WriteLine($"blocked by a full disk: {show}");

        File.Delete(filler);
        await Wait.For(published, "the publisher to go on when there is room");
        await NumberedLoad.DrainAsync(client, Queue, 0, All);
        Assert.DoesNotContain("fail: ", node.Log, StringComparison.Ordinal);
        Assert.All(await NodeState.RowsAsync(admin, "store verify"), file => Assert.Equal(0, file.GetProperty("damaged").GetInt32()));
    }

    private static async Task FillAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var piece in new[] { new byte[1 << 20], new byte[4 << 10] })
        {
            try
            {
                while (true)
                {
                    await file.WriteAsync(piece);
                }
            }
            catch (IOException)
            {
                // No room for as much.
            }
        }
    }

    /// <summary>What gives a node a small disk of its own, in memory, that is gone with its process.</summary>
    private static async Task<string[]> LauncherAsync(string data)
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("small disks are made by Linux's mount namespaces");
        }

        var store = StoreFolder.Of(data);
        Directory.CreateDirectory(store);
        string[] launcher =
        [
            "unshare", Environment.IsPrivilegedProcess ? "-m" : "-rm", "--",
            "sh", "-c", $"mount -t tmpfs -o size={DiskBytes},mode=0700 tmpfs \"$0\" && exec \"$@\"", store,
        ];
        using var trial = ChildProcess.Start([.. launcher, "true"]);
        await Wait.For(trial.Exited, "a trial of unshare and mount");
        if (trial.ExitCode != 0)
        {
            Assert.Skip($"this machine does not permit mount namespaces (unshare, mount): {trial.StandardError.Trim()}");
        }

        return launcher;
    }

    private static async Task<JsonElement> ShowAsync(BrokerClient admin) => (await NodeState.RowsAsync(admin, "store show")).Single();

    private static async Task<string> BlockedAsync(BrokerClient admin) =>
        string.Concat((await NodeState.RowsAsync(admin, "connection list")).Select(row => row.GetProperty("blocked").GetString()));
}
