using System.Globalization;
using System.Text;
using Broker.Client.Tests.Scripted;
using Broker.Storage.Disks;
using Broker.Transport.InMemory;

namespace Broker.Client.Tests.Recovery;

/// <summary>Requests and replies, and rejections that say why, through a node as it is.</summary>
public sealed class RealNodeReplyTests
{
    private static readonly HandlerOptions s_many = new() { MaxConcurrency = 16 };
    private readonly InMemoryNetwork _network = new();
    private readonly MemoryDisk _disk = new();

    [Fact]
    public async Task Many_requests_at_once_get_their_own_replies_from_another_client()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var server = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await server.DeclareQueueAsync("double");
        await using var responder = await server.RespondAsync("double", static (request, _) => Task.FromResult<ReplyMessage>(Body(2 * Number(request))), s_many);
        var replies = await Within.TimeAsync(Task.WhenAll(Enumerable.Range(1, 500).Select(i => client.RequestAsync("", "double", Body(i)))), "all replies");
        Assert.Equal(Enumerable.Range(1, 500).Select(static i => 2 * i), replies.Select(Number));
        Assert.Null(await client.GetAsync("double"));
    }

    [Fact]
    public async Task A_request_that_nobody_takes_or_that_cannot_be_done_says_so()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("double");
        await Assert.ThrowsAsync<PublishReturnedException>(() => Within.TimeAsync(client.RequestAsync("", "nobody", Body(1)), "the return"));
        await using var responder = await client.RespondAsync("double", static (_, _) => throw new ReplyErrorException("no such number"));
        Assert.Equal("no such number", (await Assert.ThrowsAsync<ReplyErrorException>(() => Within.TimeAsync(client.RequestAsync("", "double", Body(1)), "the reply"))).Message);
    }

    [Fact]
    public async Task Requests_go_on_after_connections_were_cut_and_those_under_way_fail_or_are_answered()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        using var recovered = new SemaphoreSlim(0);
        var options = RealNode.Options(transport, 7400) with { OnConnectionRecovered = _ => recovered.Release() };
        await using var server = await BrokerClient.ConnectAsync(options);
        await using var client = await BrokerClient.ConnectAsync(options);
        await server.DeclareQueueAsync("double");
        await using var responder = await server.RespondAsync("double", static (request, _) => Task.FromResult<ReplyMessage>(Body(2 * Number(request))), s_many);
        var answered = 0;
        for (var round = 1; round <= 10; round++)
        {
            var asked = Enumerable.Range(1, 50).Select(i => (Number: i, Reply: client.RequestAsync("", "double", Body(i), TimeSpan.FromSeconds(round % 2 == 0 ? 2 : 30)))).ToList();
            if (round % 2 == 0)
            {
                await Within.TimeAsync(asked[0].Reply.ContinueWith(static _ => { }, TaskScheduler.Default), "the first reply");
                Assert.Equal(2, await node.Transport.CutAsync());
                for (var i = 0; i < 2; i++) // before a side has noticed, what it sends in the next round is lost as well
                {
                    Assert.True(await recovered.WaitAsync(TimeSpan.FromSeconds(30)), "both sides were to be connected again");
                }
            }

            foreach (var (number, reply) in asked)
            {
                try
                {
                    Assert.Equal(2 * number, Number(await reply.WaitAsync(TimeSpan.FromSeconds(40))));
                    answered++;
                }
                catch (Exception e) when (round % 2 == 0 && e is BrokerException or TimeoutException)
                {
                    // Its reply went to the connection that was cut.
                }
            }
        }

        Assert.InRange(answered, 250, 500); // all of the rounds in which nothing was cut
    }

    [Fact]
    public async Task A_handlers_exception_is_the_reason_in_the_dead_letter()
    {
        await using var transport = new InMemoryTransport(_network);
        await using var node = await RealNode.StartAsync(_network, _disk, 7400);
        await using var client = await BrokerClient.ConnectAsync(RealNode.Options(transport, 7400));
        await client.DeclareQueueAsync("orders", new QueueOptions { DeadLetterExchange = "", DeadLetterRoutingKey = "dead" });
        await client.DeclareQueueAsync("dead");
        await using var consumer = await client.ConsumeAsync(
            "orders", static (_, _) => throw new FormatException("not an order"), new HandlerOptions { FailureOutcome = FailureOutcome.Reject });
        await using var dead = await client.SubscribeAsync("dead");
        await client.PublishAsync("", "orders", Body(1));
        using var batch = await Within.TimeAsync(dead.ReadBatchAsync().AsTask(), "the dead letter");
        var headers = Assert.Single(batch!).Properties.Headers;
        Assert.Contains("FormatException: not an order", headers.ToString(), StringComparison.Ordinal);
    }

    private static byte[] Body(int number) => Encoding.UTF8.GetBytes($"{number}");

    private static int Number(Delivery delivery) => int.Parse(Encoding.UTF8.GetString(delivery.Body.Span), CultureInfo.InvariantCulture);
}
