using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Broker.Client;
using Broker.Node.Tests.Processes;
using Broker.Protocol;

namespace Broker.Node.Tests.Durability;

/// <summary>A start on what an earlier node has left.</summary>
[Collection(ProcessCollection.Name)]
public sealed partial class RecoveryTests(ITestOutputHelper output)
{
    private const string Queue = "recovered";
    private const int Messages = 150_000; // of 1 KiB: more than the log keeps, by default
    private const double MaxSecondsPerGiB = 10;
    private const double MaxSecondsOfAnyStart = 5; // on a machine that is busy with other things; so busy as the start on nothing shows, if that took long

    [Fact]
    public async Task A_start_on_a_large_log_is_quick_and_says_how_far_it_is_and_clients_wait_for_it()
    {
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"] };
        int port;
        TimeSpan empty;
        var start = Stopwatch.GetTimestamp();
        await using (var first = await NodeProcess.StartAsync(settings))
        {
            empty = Stopwatch.GetElapsedTime(start);
            port = first.Address.Port;
            await using var client = await first.ConnectDoomedAsync();
            await client.DeclareQueueAsync(Queue);
            await NumberedLoad.PublishAsync(client, Queue, 0, Messages);
            await first.KillAsync();
        }

        var log = new DirectoryInfo(Path.Combine(StoreFolder.Of(folder["data"]), "log")).EnumerateFiles("*.log").Sum(file => file.Length);
        start = Stopwatch.GetTimestamp();
        await using var starting = new StartingNode(settings with { Port = port });
        var statuses = starting.WatchAsync();
        var consuming = starting.ConnectAndConsumeAsync(Queue);
        await using var second = await starting.Node;
        var taken = Stopwatch.GetElapsedTime(start);
        await Wait.For(consuming, "the message of a client that connected while the node recovered");
        starting.StopWatching();
        var seen = await Wait.For(statuses, "the last status");

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"start on nothing {empty.TotalSeconds:0.00} s, on {log >> 20} MiB of log {taken.TotalSeconds:0.00} s; the status was {string.Join(", ", seen)}"));
        Assert.All(seen, status => Assert.Matches(Status(), status));
        Assert.Equal("up", seen[^1]);
        var allowed = (MaxSecondsPerGiB * log / (1 << 30)) + Math.Max(MaxSecondsOfAnyStart, 5 * empty.TotalSeconds);
        Assert.True(taken.TotalSeconds <= allowed, $"the start on {log >> 20} MiB took {taken.TotalSeconds:0.0} s; {allowed:0.0} are allowed");
        await second.ExpectLogAsync("recovering: ");
    }

    [Fact]
    public async Task The_store_of_another_node_is_refused_with_both_names()
    {
        using var folder = new TemporaryFolder();
        var data = folder["data"];
        await using (await NodeProcess.StartAsync(new NodeSettings { Data = data, Options = ["--name", "first"] }))
        {
        }

        var (exitCode, error) = await NodeProcess.FailAsync(new NodeSettings { Data = data, Options = ["--name", "second"] });

        AssertRefused(exitCode, error, "the store belongs to node 'first', and this node is 'second'", "--name first");
        await using var again = await NodeProcess.StartAsync(new NodeSettings { Data = data, Options = ["--name", "first"] });
    }

    [Fact]
    public async Task A_store_of_a_newer_format_is_refused_with_both_formats()
    {
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"] };
        await using (await NodeProcess.StartAsync(settings))
        {
        }

        var identity = Path.Combine(StoreFolder.Of(folder["data"]), "identity.json");
        await File.WriteAllTextAsync(identity, Format().Replace(await File.ReadAllTextAsync(identity), "\"format\": 9"));
        var (exitCode, error) = await NodeProcess.FailAsync(settings);

        AssertRefused(exitCode, error, "the store has format 9", "reads up to 1", "newer version");
    }

    [Fact]
    public async Task A_store_without_its_identity_is_refused_and_not_begun_anew()
    {
        using var folder = new TemporaryFolder();
        var settings = new NodeSettings { Data = folder["data"] };
        await using (await NodeProcess.StartAsync(settings))
        {
        }

        File.Delete(Path.Combine(StoreFolder.Of(folder["data"]), "identity.json"));
        var (exitCode, error) = await NodeProcess.FailAsync(settings);

        AssertRefused(exitCode, error, "identity.json", "is not empty");
    }

    private static void AssertRefused(int exitCode, string error, params string[] sentences)
    {
        Assert.Equal(1, exitCode);
        Assert.Contains("The node cannot start:", error, StringComparison.Ordinal);
        Assert.All(sentences, sentence => Assert.Contains(sentence, error, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal); // a sentence, not a stack
    }

    /// <summary>A node on its way up, and those who cannot wait.</summary>
    private sealed class StartingNode(NodeSettings settings) : IAsyncDisposable
    {
        private static readonly TimeSpan s_betweenQuestions = TimeSpan.FromMilliseconds(20);
        private readonly CancellationTokenSource _enough = new();
        private readonly Broker.Transport.Ngtcp2.Ngtcp2Transport _transport = new();

        public Task<NodeProcess> Node { get; } = NodeProcess.StartAsync(settings);

        /// <summary>Asks for the node's status from before it listens until it is told that this is enough.</summary>
        /// <returns>The different answers, in order.</returns>
        public async Task<List<string>> WatchAsync()
        {
            await using var admin = await ConnectAsync("admin");
            var seen = new List<string>();
            do
            {
                var status = (await NodeState.RowsAsync(admin, "cluster show")).Single().GetProperty("status").GetString()!;
                if (seen.Count == 0 || seen[^1] != status)
                {
                    seen.Add(status);
                }

                await Task.Delay(s_betweenQuestions); // what asks all the time takes time from what it asks about
            }
            while (!_enough.IsCancellationRequested);

            return seen;
        }

        public void StopWatching() => _enough.Cancel();

        public async Task ConnectAndConsumeAsync(string queue)
        {
            await using var client = await ConnectAsync("client");
            await using var deliveries = client.ConsumeAsync(queue).GetAsyncEnumerator();
            Assert.True(await deliveries.MoveNextAsync());
            Assert.Equal(0, NumberedLoad.NumberOf(deliveries.Current.Body.Span));
            await client.PublishAsync("", queue, "late"u8.ToArray());
        }

        public async ValueTask DisposeAsync()
        {
            await _transport.DisposeAsync();
            _enough.Dispose();
        }

        /// <summary>Tries until the node listens, which is before it has recovered.</summary>
        private async Task<BrokerClient> ConnectAsync(string user)
        {
            while (true)
            {
                try
                {
                    return await BrokerClient.ConnectAsync(Options(user));
                }
                catch (BrokerConnectionException e) when (e.ErrorCode == ErrorCode.Unavailable)
                {
                    await Task.Delay(s_betweenQuestions); // nobody listens yet
                }
            }
        }

        private BrokerClientOptions Options(string user)
        {
            string File(string name) => Path.Combine(settings.Data!, "certs", name);
            return new BrokerClientOptions
            {
                Endpoints = [new BrokerEndpoint("127.0.0.1", settings.Port)],
                CertificateFile = File($"{user}.pem"),
                PrivateKeyFile = File($"{user}.key"),
                TrustedRootsFile = File("ca.pem"),
                ConnectTimeout = Wait.Limit,
                Transport = _transport,
            };
        }
    }

    [GeneratedRegex("^(up|recovering( [0-9]+ %)?)$")]
    private static partial Regex Status();

    [GeneratedRegex("\"format\": [0-9]+")]
    private static partial Regex Format();
}
