using System.Buffers;

namespace Broker.Transport.Tests.Contract;

/// <summary>The two pipes of a stream behave as System.IO.Pipelines says.</summary>
public abstract class PipeContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Examined_bytes_wait_for_more_and_come_again()
    {
        var stream = await OpenAsync();
        await Pattern.WriteAsync(stream.Local.Output, 100);
        await ExamineAsync(stream.Remote, 100);

        var next = stream.Remote.Input.ReadAsync().AsTask();
        Assert.True(await Wait.StaysPending(next), "a read returned although everything had been examined");
        await Pattern.WriteAsync(stream.Local.Output, 1, from: 100);

        var read = await Wait.For(next, "the byte that was missing");
        Assert.Equal(101, read.Buffer.Length);
        Assert.Equal(Enumerable.Range(0, 101).Select(i => Pattern.At(i, 0)), read.Buffer.ToArray());
        stream.Remote.Input.AdvanceTo(read.Buffer.End);
    }

    [Fact]
    public async Task Consumed_but_unexamined_rest_is_returned_at_once()
    {
        var stream = await OpenAsync();
        await Pattern.WriteAsync(stream.Local.Output, 100);
        var read = await Wait.For(stream.Remote.Input.ReadAtLeastAsync(100), "100 bytes");
        stream.Remote.Input.AdvanceTo(read.Buffer.GetPosition(40));

        var rest = await Wait.For(stream.Remote.Input.ReadAsync(), "the rest");

        Assert.Equal(60, rest.Buffer.Length);
        stream.Remote.Input.AdvanceTo(rest.Buffer.End);
    }

    [Fact]
    public async Task TryRead_says_whether_there_is_something()
    {
        var stream = await OpenAsync();
        Assert.False(stream.Remote.Input.TryRead(out _));
        await Pattern.SendAsync(stream.Local.Output, 10);

        await Wait.Until(() => TryReadToEnd(stream.Remote), "TryRead sees bytes and end");
    }

    [Fact]
    public async Task ReadAtLeast_waits_for_the_minimum()
    {
        var stream = await OpenAsync();
        var reading = stream.Remote.Input.ReadAtLeastAsync(50_000).AsTask();

        await Pattern.WriteAsync(stream.Local.Output, 60_000);

        var read = await Wait.For(reading, "50,000 bytes");
        Assert.InRange(read.Buffer.Length, 50_000, 60_000);
        stream.Remote.Input.AdvanceTo(read.Buffer.End);
    }

    [Fact]
    public async Task Span_larger_than_every_buffer_is_served()
    {
        const int Count = 3_000_000;
        var stream = await OpenAsync();
        var received = Pattern.ReceiveAsync(stream.Remote.Input);

        Pattern.Fill(stream.Local.Output, 0, Count, seed: 0);
        await Wait.For(stream.Local.Output.FlushAsync(), "the flush of a large span");
        await stream.Local.Output.CompleteAsync();

        Assert.Equal(Count, await received);
    }

    [Fact]
    public async Task Span_without_advance_sends_nothing()
    {
        var stream = await OpenAsync();
        stream.Local.Output.GetSpan(1000).Fill(0xFF);
        await Wait.For(stream.Local.Output.FlushAsync(), "the flush of nothing");

        await Pattern.SendAsync(stream.Local.Output, 100);

        Assert.Equal(100, await Pattern.ReceiveAsync(stream.Remote.Input));
    }

    [Fact]
    public async Task Several_writes_before_a_flush_arrive_together()
    {
        var stream = await OpenAsync();
        for (var offset = 0; offset < 50_000; offset += 1000)
        {
            Pattern.Fill(stream.Local.Output, offset, 1000, seed: 0);
        }

        await Wait.For(stream.Local.Output.FlushAsync(), "the flush");

        await Pattern.ReadAsync(stream.Remote.Input, 50_000);
    }

    [Fact]
    public async Task Flush_of_nothing_completes()
    {
        var stream = await OpenAsync();

        var flushed = await Wait.For(stream.Local.Output.FlushAsync(), "the flush of nothing");

        Assert.False(flushed.IsCanceled || flushed.IsCompleted);
    }

    [Fact]
    public async Task Completing_twice_is_harmless()
    {
        var stream = await OpenAsync();
        await Pattern.SendAsync(stream.Local.Output, 10);
        await stream.Local.Output.CompleteAsync();
        await stream.Local.Output.CompleteAsync(new InvalidDataException("too late to be a reset"));

        Assert.Equal(10, await Pattern.ReceiveAsync(stream.Remote.Input));
        await stream.Remote.Input.CompleteAsync();
        await stream.Remote.Input.CompleteAsync();
        await Wait.For(stream.Local.WritesClosed, "the acknowledged end");
    }

    [Fact]
    public async Task Writing_after_completion_is_a_mistake()
    {
        var stream = await OpenAsync();
        await stream.Local.Output.CompleteAsync();

        Assert.Throws<InvalidOperationException>(() => stream.Local.Output.GetMemory());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await stream.Local.Output.FlushAsync());
    }

    [Fact]
    public async Task Cancelled_flush_by_name_is_reported_once()
    {
        var stream = await OpenAsync();
        stream.Local.Output.CancelPendingFlush();

        var first = await Wait.For(stream.Local.Output.FlushAsync(), "the cancelled flush");
        var second = await Wait.For(stream.Local.Output.FlushAsync(), "the flush after it");

        Assert.True(first.IsCanceled && !second.IsCanceled);
    }

    private async Task<StreamEnds> OpenAsync()
    {
        var pair = await ConnectPairAsync();
        return await OpenStreamAsync(pair.Client, pair.Server);
    }

    /// <summary>Waits until <paramref name="count"/> bytes are there, examines them all and consumes none.</summary>
    private static async Task ExamineAsync(IQuicStream stream, int count)
    {
        var read = await Wait.For(stream.Input.ReadAtLeastAsync(count), $"{count} bytes");
        stream.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
    }

    private static bool TryReadToEnd(IQuicStream stream)
    {
        if (!stream.Input.TryRead(out var read))
        {
            return false;
        }

        var ended = read.IsCompleted && read.Buffer.Length == 10;
        stream.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        return ended;
    }
}
