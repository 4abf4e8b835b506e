namespace Broker.Transport.Tests.Contract;

/// <summary>With inline continuations the same things happen, only on the transport's own thread.</summary>
public abstract class InlineContinuationsContract<TBackend> : TransportContract<TBackend>
    where TBackend : ITransportBackend, new()
{
    [Fact]
    public async Task Ping_pong_of_thousands_of_rounds_neither_stalls_nor_recurses()
    {
        const int Rounds = 5000;
        RequireCapability(QuicCapabilities.InlineContinuations);
        var pair = await ConnectPairAsync(server => server with { InlineContinuations = true }, client => client with { InlineContinuations = true });
        var stream = await OpenStreamAsync(pair.Client, pair.Server);
        var answering = AnswerAsync(stream.Remote);

        await Wait.For(AskAsync(stream.Local, Rounds), "the rounds");

        await stream.Local.Output.CompleteAsync();
        Assert.Equal(Rounds, await Wait.For(answering, "the answering side to see the end"));
    }

    private static async Task AskAsync(IQuicStream stream, int rounds)
    {
        for (var i = 0; i < rounds; i++)
        {
            await stream.Output.WriteAsync(new byte[] { 1 });
            var read = await stream.Input.ReadAsync();
            stream.Input.AdvanceTo(read.Buffer.GetPosition(1));
        }
    }

    private static async Task<int> AnswerAsync(IQuicStream stream)
    {
        for (var answered = 0; ; answered++)
        {
            var read = await stream.Input.ReadAsync();
            if (read.IsCompleted)
            {
                return answered;
            }

            stream.Input.AdvanceTo(read.Buffer.GetPosition(1));
            await stream.Output.WriteAsync(new byte[] { 1 });
        }
    }
}
