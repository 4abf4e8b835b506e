namespace Broker.Transport.Tests.Contract;

/// <summary>Bytes arrive whole, in order and on their own stream (RFC 9000, section 2.2).</summary>
public abstract class OrderedBytesContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Megabytes_arrive_in_order_both_ways_at_once()
    {
        const long Count = 8 << 20;
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        var received = Task.WhenAll(Pattern.ReceiveAsync(stream.Remote.Input, seed: 1), Pattern.ReceiveAsync(stream.Local.Input, seed: 2));
        await Task.WhenAll(Pattern.SendAsync(stream.Local.Output, Count, seed: 1), Pattern.SendAsync(stream.Remote.Output, Count, seed: 2));

        var counts = await received;
        Assert.Equal([Count, Count], counts);
    }

    [Fact]
    public async Task Megabytes_arrive_through_the_smallest_windows()
    {
        const long Count = 2 << 20;
        var pair = await ConnectPairAsync(
            server => server with { StreamReceiveWindow = 16 << 10, ConnectionReceiveWindow = 64 << 10, SendBufferSize = 4096 },
            client => client with { StreamReceiveWindow = 16 << 10, ConnectionReceiveWindow = 64 << 10, SendBufferSize = 4096 });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        var received = Pattern.ReceiveAsync(stream.Remote.Input);
        await Pattern.SendAsync(stream.Local.Output, Count);

        Assert.Equal(Count, await received);
    }

    [Fact]
    public async Task Hundreds_of_streams_of_one_connection_keep_apart()
    {
        const int Streams = 300;
        const int Count = 20_000;
        var pair = await ConnectPairAsync();
        var echo = EchoAsync(pair.Server, Streams);

        await Task.WhenAll(Enumerable.Range(0, Streams).Select(async seed =>
        {
            await using var stream = await Wait.For(pair.Client.OpenStreamAsync(), "a stream");
            var received = Pattern.ReceiveAsync(stream.Input, seed);
            await Pattern.SendAsync(stream.Output, Count, seed);
            Assert.Equal(Count, await received);
        }));

        await Wait.For(echo, "the echo side to finish");
    }

    [Fact]
    public async Task Busy_streams_take_turns_and_keep_nobody_waiting()
    {
        const int Busy = 8;
        const int Rounds = 50;
        const long Share = 2 << 20;
        var pair = await ConnectPairAsync();
        using var stop = new CancellationTokenSource();
        var received = new long[Busy];
        var transfers = new List<Task>();
        for (var i = 0; i < Busy; i++)
        {
            var (index, stream) = (i, await OpenStreamAsync(pair.Client, pair.Server));
            transfers.Add(Task.Run(async () => await WriteUntilAsync(stream.Local, stop.Token)));
            transfers.Add(Task.Run(async () => await CountAsync(stream.Remote, count => Interlocked.Add(ref received[index], count))));
        }

        var quiet = await OpenStreamAsync(pair.Client, pair.Server);
        await Wait.Until(() => received.All(count => count >= Share), "every busy stream has had many turns");
        var before = received.Sum();
        for (var round = 0; round < Rounds; round++)
        {
            await Wait.For(quiet.Local.Output.WriteAsync(new byte[] { (byte)round }), "a byte to be taken");
            var result = await Wait.For(quiet.Remote.Input.ReadAsync(), $"the byte of round {round}, between those of busy streams");
            quiet.Remote.Input.AdvanceTo(result.Buffer.End);
        }

        var meanwhile = received.Sum() - before;
        await stop.CancelAsync();
        await Wait.For(Task.WhenAll(transfers), "the busy streams to end");

        Assert.InRange(meanwhile / Rounds, 0, Busy * (1 << 20)); // no round waited for a whole transfer
    }

    [Fact]
    public async Task Either_side_opens_streams_and_ids_say_who()
    {
        var pair = await ConnectPairAsync();

        var first = await OpenStreamAsync(pair.Client, pair.Server);
        var second = await OpenStreamAsync(pair.Client, pair.Server);
        var other = await OpenStreamAsync(pair.Server, pair.Client);

        Assert.Equal([0, 4, 1], [first.Remote.Id, second.Remote.Id, other.Remote.Id]);
        Assert.Equal([0, 4, 1], [first.Local.Id, second.Local.Id, other.Local.Id]);
        await Pattern.SendAsync(other.Local.Output, 1000);
        Assert.Equal(1000, await Pattern.ReceiveAsync(other.Remote.Input));
    }

    private static async Task WriteUntilAsync(IQuicStream stream, CancellationToken stop)
    {
        var block = new byte[32 << 10];
        while (!stop.IsCancellationRequested)
        {
            await stream.Output.WriteAsync(block, CancellationToken.None);
        }

        await stream.Output.CompleteAsync();
    }

    private static async Task CountAsync(IQuicStream stream, Action<long> count)
    {
        while (true)
        {
            var result = await stream.Input.ReadAsync();
            count(result.Buffer.Length);
            stream.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }

    private static async Task EchoAsync(IQuicConnection connection, int streams)
    {
        var echoes = new List<Task>();
        for (var i = 0; i < streams; i++)
        {
            var stream = await Wait.For(connection.AcceptStreamAsync(), $"stream {i}");
            echoes.Add(EchoAsync(stream));
        }

        await Task.WhenAll(echoes);
    }

    private static async Task EchoAsync(IQuicStream stream)
    {
        await using var disposing = stream;
        await stream.Input.CopyToAsync(stream.Output);
        await stream.Output.CompleteAsync();
    }
}
