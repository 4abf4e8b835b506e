using System.Text;

namespace Broker.Transport.Tests.Contract;

/// <summary>FIN ends one direction and leaves the other alone (RFC 9000, section 3.3).</summary>
public abstract class HalfCloseContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Answer_flows_after_the_question_has_ended()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);

        await Pattern.SendAsync(stream.Local.Output, 100, seed: 1);
        Assert.Equal(100, await Pattern.ReceiveAsync(stream.Remote.Input, seed: 1));
        var answer = Pattern.ReceiveAsync(stream.Local.Input, seed: 2);
        await Pattern.SendAsync(stream.Remote.Output, 1 << 20, seed: 2);

        Assert.Equal(1 << 20, await answer);
    }

    [Fact]
    public async Task End_without_a_byte_opens_and_ends_the_stream()
    {
        var pair = await ConnectPairAsync();
        var local = await Wait.For(pair.Client.OpenStreamAsync(), "a stream to open");

        await local.Output.CompleteAsync();

        var remote = await Wait.For(pair.Server.AcceptStreamAsync(), "the stream that is only an end");
        var read = await Wait.For(remote.Input.ReadAsync(), "the end");
        Assert.True(read.IsCompleted && read.Buffer.IsEmpty);
    }

    [Fact]
    public async Task End_is_seen_again_by_every_later_read()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        await Pattern.SendAsync(stream.Local.Output, 10);
        Assert.Equal(10, await Pattern.ReceiveAsync(stream.Remote.Input));

        var again = await Wait.For(stream.Remote.Input.ReadAsync(), "the end once more");

        Assert.True(again.IsCompleted && again.Buffer.IsEmpty);
    }

    [Fact]
    public async Task Bytes_written_but_not_flushed_go_out_with_the_end()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        Pattern.Fill(stream.Local.Output, 0, 5000, seed: 3);

        await stream.Local.Output.CompleteAsync();

        Assert.Equal(5000, await Pattern.ReceiveAsync(stream.Remote.Input, seed: 3));
    }

    [Fact]
    public async Task Bytes_before_the_end_arrive_though_the_stream_is_disposed_at_once()
    {
        const int Count = 3 << 20;
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        await stream.Remote.Output.CompleteAsync();
        Pattern.Fill(stream.Local.Output, 0, Count, seed: 4); // more than the windows take before anybody reads

        await stream.Local.Output.CompleteAsync();
        await Wait.For(stream.Local.DisposeAsync(), "the stream to be disposed");

        Assert.Equal(Count, await Pattern.ReceiveAsync(stream.Remote.Input, seed: 4));
    }

    [Fact]
    public async Task WritesClosed_completes_once_the_peer_has_everything()
    {
        var pair = await ConnectPairAsync();
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        Assert.False(stream.Local.WritesClosed.IsCompleted);

        await stream.Local.Output.WriteAsync(Encoding.ASCII.GetBytes("all of it"));
        await stream.Local.Output.CompleteAsync();

        await Wait.For(stream.Local.WritesClosed, "the peer to acknowledge the end");
    }
}
