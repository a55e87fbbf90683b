# Reminds customers the day before.
class ReminderJob < ApplicationJob
  queue_as :low
  BEFORE = 24.hours

  def self.plan(booking)
    at = booking.starts_at - BEFORE
    set(wait_until: at).perform_later(booking.id) if at.future?
  end

  def perform(booking_id)
    booking = Booking.paid.find_by(id: booking_id)
    return unless booking
    ReminderMailer.tomorrow(booking).deliver_now
    Sms::Sender.confirm(booking) if booking.customer.wants_sms?
  end
end
